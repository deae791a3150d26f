-- Groups are part of what a running server knows of its devices.
CREATE TRIGGER group_joined AFTER INSERT ON group_devices BEGIN UPDATE registry SET revision = revision + 1; END;
CREATE TRIGGER group_left   AFTER DELETE ON group_devices BEGIN UPDATE registry SET revision = revision + 1; END;
