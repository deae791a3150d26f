-- The token that replaces token_hash as soon as a device has connected with it.
ALTER TABLE devices ADD COLUMN next_token_hash BLOB CHECK (length(next_token_hash) = 32);

-- Commands, their whole life. Times are the server's.
CREATE TABLE commands (
  key         INTEGER PRIMARY KEY AUTOINCREMENT,
  device      INTEGER NOT NULL REFERENCES devices (key),
  command_id  TEXT    NOT NULL,
  action      TEXT    NOT NULL,
  payload     TEXT    NOT NULL, -- JSON object; a token in it is masked
  asked_by    TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  status      TEXT    NOT NULL,
  deliveries  INTEGER NOT NULL DEFAULT 0,
  sent_at     INTEGER,          -- the first time
  accepted_at INTEGER,
  started_at  INTEGER,
  final_at    INTEGER,
  reason_code TEXT,
  reason      TEXT,
  result      TEXT,             -- JSON
  late_result TEXT,             -- JSON: the device's answer that came after TIMED_OUT
  UNIQUE (device, command_id)
) STRICT;
CREATE INDEX commands_open ON commands (expires_at) WHERE final_at IS NULL;
CREATE INDEX commands_open_of ON commands (device, key) WHERE final_at IS NULL;

-- Who did what. It only grows.
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  who     TEXT    NOT NULL,
  action  TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  details TEXT    NOT NULL -- JSON object
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;
