-- Of each device the last sample that is in a block, packed as a block of its own: a start needs it of all devices, and
-- unpacks no hour for it.
CREATE TABLE last_samples (
  device INTEGER PRIMARY KEY,
  hour   INTEGER NOT NULL, -- that of the block
  sample BLOB    NOT NULL
) STRICT;
CREATE TRIGGER block_removed AFTER DELETE ON blocks BEGIN
  DELETE FROM last_samples WHERE device = OLD.device AND hour = OLD.hour;
END;
