-- Times are milliseconds since 1970 by the server's clock, but for samples.at and events.at: the device's.

CREATE TABLE devices (
  key         INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id   TEXT    NOT NULL,
  name        TEXT,
  token_hash  BLOB    NOT NULL CHECK (length(token_hash) = 32),
  created_at  INTEGER NOT NULL,
  disabled_at INTEGER,
  removed_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX devices_by_id ON devices (device_id) WHERE removed_at IS NULL;

-- Counts changes of devices, so that a running server sees what the command line did.
CREATE TABLE registry (
  only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
  revision  INTEGER NOT NULL,
  probed_at INTEGER NOT NULL
) STRICT;
INSERT INTO registry VALUES (1, 0, 0);
CREATE TRIGGER device_added   AFTER INSERT ON devices BEGIN UPDATE registry SET revision = revision + 1; END;
CREATE TRIGGER device_changed AFTER UPDATE ON devices BEGIN UPDATE registry SET revision = revision + 1; END;

CREATE TABLE users (
  key           INTEGER PRIMARY KEY AUTOINCREMENT,
  username      TEXT    NOT NULL UNIQUE COLLATE NOCASE,
  password_hash TEXT    NOT NULL,
  role          TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  created_at    INTEGER NOT NULL,
  disabled_at   INTEGER
) STRICT;

CREATE TABLE sessions (
  id         TEXT    PRIMARY KEY,
  user       INTEGER NOT NULL REFERENCES users (key),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- boot_id is a text of 36 bytes: it is stored once a boot, not once a sample.
CREATE TABLE boots (
  key        INTEGER PRIMARY KEY,
  device     INTEGER NOT NULL REFERENCES devices (key),
  boot_id    TEXT    NOT NULL,
  first_seen INTEGER NOT NULL,
  UNIQUE (device, boot_id)
) STRICT;

-- Which samples of a boot are stored, as disjoint closed intervals of seq.
CREATE TABLE seen (
  boot  INTEGER NOT NULL REFERENCES boots (key),
  first INTEGER NOT NULL,
  last  INTEGER NOT NULL,
  PRIMARY KEY (boot, first)
) STRICT, WITHOUT ROWID;

-- In the order of arrival: all devices share the last page, so a commit for thousands of them writes few pages.
CREATE TABLE samples (
  id            INTEGER PRIMARY KEY,
  device        INTEGER NOT NULL,
  at            INTEGER NOT NULL, -- the device's timestamp; received_at for a sample without boot_id and seq, or from the future
  received_at   INTEGER NOT NULL,
  timestamp     INTEGER,          -- the device's, where it is not at
  boot          INTEGER,
  seq           INTEGER,          -- a u64 by its bits
  v             INTEGER,
  clock         INTEGER,
  state         INTEGER,
  mode          INTEGER,
  error_flags   TEXT,             -- JSON array
  wifi_strength REAL,
  uptime_seconds INTEGER,
  firmware_version TEXT,
  cpu_temperature REAL,
  undervoltage  INTEGER,
  voltage       REAL,
  soc           REAL,
  current       REAL,
  power         REAL,
  soc_low       REAL,
  soc_high      REAL,
  soc_uncertainty REAL,
  synced        INTEGER,
  temperature   REAL,
  soh           REAL,
  capacity      REAL,
  energy_in     REAL,
  energy_out    REAL,
  cycle_count   REAL,
  time_to_empty_s REAL,
  time_to_full_s REAL,
  faults        TEXT,             -- JSON array
  warnings      TEXT,             -- JSON array
  grid_voltage  REAL,
  grid_current  REAL,
  grid_power    REAL,
  grid_frequency REAL,
  grid_power_factor REAL,
  grid_energy_import REAL,
  grid_energy_export REAL,
  grid_status   TEXT,
  solar_power   REAL,
  load_power    REAL,
  extra         TEXT              -- JSON object of the fields that have no column, by group
) STRICT;
CREATE INDEX samples_by_time ON samples (device, at);

CREATE TABLE events (
  id          INTEGER PRIMARY KEY,
  device      INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  severity    INTEGER NOT NULL, -- 0 info, 1 warning, 2 error
  code        TEXT    NOT NULL,
  message     TEXT    NOT NULL,
  details     TEXT              -- JSON object
) STRICT;
CREATE INDEX events_by_time ON events (device, received_at);

-- What devices answered to commands, until commands themselves are recorded.
CREATE TABLE command_acks (
  id          INTEGER PRIMARY KEY,
  device      INTEGER NOT NULL,
  command_id  TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  ack         TEXT    NOT NULL  -- JSON object as it came
) STRICT;
CREATE INDEX command_acks_by_id ON command_acks (device, command_id);
