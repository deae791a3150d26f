-- Sessions of the version before have no refresh token: their users log in again.
DELETE FROM sessions;
-- When the newest access token runs out, and which refresh token is the valid one.
ALTER TABLE sessions ADD COLUMN access_expires_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_of ON sessions (user);

-- A restricted user sees the devices in user_devices only.
ALTER TABLE users ADD COLUMN restricted INTEGER NOT NULL DEFAULT 0;
CREATE TABLE user_devices (
  user      INTEGER NOT NULL REFERENCES users (key),
  device_id TEXT    NOT NULL,
  PRIMARY KEY (user, device_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_time ON audit (at);

-- UWB tags, where each was last, the device that reported it, and how many positions have been reported.
CREATE TABLE uwb_tags (
  key         INTEGER PRIMARY KEY AUTOINCREMENT,
  id          TEXT    NOT NULL UNIQUE,
  device      INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  reports     INTEGER NOT NULL DEFAULT 0,
  x           REAL    NOT NULL,
  y           REAL    NOT NULL,
  z           REAL    NOT NULL,
  accuracy    REAL,
  quality     REAL
) STRICT;
CREATE TABLE uwb_locations (
  id       INTEGER PRIMARY KEY,
  tag      INTEGER NOT NULL REFERENCES uwb_tags (key),
  device   INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  x        REAL    NOT NULL,
  y        REAL    NOT NULL,
  z        REAL    NOT NULL,
  accuracy REAL,
  quality  REAL
) STRICT;
CREATE INDEX uwb_locations_by_time ON uwb_locations (tag, at);
CREATE INDEX uwb_locations_by_arrival ON uwb_locations (tag);

CREATE TABLE groups (
  key  INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT    NOT NULL UNIQUE
) STRICT;
CREATE TABLE group_devices (
  group_key INTEGER NOT NULL REFERENCES groups (key) ON DELETE CASCADE,
  device_id TEXT    NOT NULL,
  PRIMARY KEY (group_key, device_id)
) STRICT, WITHOUT ROWID;

-- When an alarm is raised: a rule for one device or, without device_id, for all.
CREATE TABLE alarm_rules (
  key        INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id  TEXT,
  kind       TEXT    NOT NULL, -- below, above, offline, no_data, fault
  field      TEXT,             -- of below and above: for example battery.soc
  threshold  REAL,
  hysteresis REAL    NOT NULL DEFAULT 0,
  for_s      REAL    NOT NULL DEFAULT 0,
  severity   INTEGER NOT NULL, -- as in events
  name       TEXT    NOT NULL
) STRICT;
CREATE TABLE alarms (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  rule            INTEGER NOT NULL,
  device          INTEGER NOT NULL REFERENCES devices (key),
  name            TEXT    NOT NULL,
  kind            TEXT    NOT NULL,
  severity        INTEGER NOT NULL,
  message         TEXT    NOT NULL,
  value           REAL,
  threshold       REAL,
  raised_at       INTEGER NOT NULL,
  cleared_at      INTEGER,
  acknowledged_at INTEGER,
  acknowledged_by TEXT
) STRICT;
CREATE INDEX alarms_open ON alarms (device, rule) WHERE cleared_at IS NULL;
