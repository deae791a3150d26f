-- Whom to tell over HTTP. The secret must be at hand to sign with; the file is readable by the server alone.
CREATE TABLE webhooks (
  key        INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT    NOT NULL,
  url        TEXT    NOT NULL,
  secret     BLOB    NOT NULL CHECK (length(secret) = 32),
  events     TEXT    NOT NULL, -- JSON array of types
  device_ids TEXT,             -- JSON array; with groups neither: all devices
  groups     TEXT,             -- JSON array of names
  enabled    INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  created_by TEXT    NOT NULL,
  dropped    INTEGER NOT NULL DEFAULT 0 -- deliveries that were not even queued, as too many waited
) STRICT;
CREATE TABLE webhook_deliveries (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook     INTEGER NOT NULL REFERENCES webhooks (key) ON DELETE CASCADE,
  message_id  TEXT    NOT NULL,
  event       TEXT    NOT NULL,
  body        TEXT    NOT NULL, -- JSON as it is sent
  created_at  INTEGER NOT NULL,
  state       TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts    INTEGER NOT NULL DEFAULT 0,
  next_at     INTEGER,          -- of a pending one
  last_at     INTEGER,
  duration_ms INTEGER,
  status      INTEGER,          -- of the last answer
  error       TEXT
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (webhook, id);

-- What an admin has to say of a device.
ALTER TABLE devices ADD COLUMN notes TEXT;
-- What a device says of itself. Not a column: a change of it is none of the registry.
CREATE TABLE device_facts (
  device  INTEGER PRIMARY KEY REFERENCES devices (key),
  said_at INTEGER NOT NULL,
  facts   TEXT    NOT NULL -- JSON object
) STRICT;

-- When the refresh token was exchanged last.
ALTER TABLE sessions ADD COLUMN refreshed_at INTEGER NOT NULL DEFAULT 0;
