-- Whether the newest refresh token was handed out twice, as the answer to the exchange before was lost.
ALTER TABLE sessions ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0;
