-- Samples of hours that are over move from samples to blocks. at and hour are the device's time, as in samples.

-- The roll-up of each hour that has been sealed, for as long as roll-ups of hours are kept.
CREATE TABLE hours (
  device    INTEGER NOT NULL,
  hour      INTEGER NOT NULL, -- whole hours since 1970
  newest    INTEGER NOT NULL, -- received_at of the sample that came last
  sealed_to INTEGER,          -- rows of samples in this hour up to this id are in the block and still to be deleted
  rollup    BLOB    NOT NULL,
  PRIMARY KEY (device, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX hours_by_age ON hours (newest);
CREATE INDEX hours_to_clear ON hours (device, hour) WHERE sealed_to IS NOT NULL;

-- The 60 roll-ups of its minutes.
CREATE TABLE minutes (
  id      INTEGER PRIMARY KEY,
  device  INTEGER NOT NULL,
  hour    INTEGER NOT NULL,
  newest  INTEGER NOT NULL,
  rollups BLOB    NOT NULL,
  UNIQUE (device, hour)
) STRICT;
CREATE INDEX minutes_by_age ON minutes (newest);

-- Its samples, every field of them.
CREATE TABLE blocks (
  id      INTEGER PRIMARY KEY,
  device  INTEGER NOT NULL,
  hour    INTEGER NOT NULL,
  newest  INTEGER NOT NULL,
  samples BLOB    NOT NULL,
  UNIQUE (device, hour)
) STRICT;
CREATE INDEX blocks_by_age ON blocks (newest);

-- Events are asked for by their own time, too.
CREATE INDEX events_by_own_time ON events (device, at);
