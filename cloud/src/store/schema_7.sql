-- What waits for each webhook, counted as it comes and goes: nobody has to count it on the thread that acknowledges
-- samples. Apart from the webhook, whose row may be long. Triggers count, so that no statement can forget to.
CREATE TABLE webhook_queues (
  webhook       INTEGER PRIMARY KEY REFERENCES webhooks (key) ON DELETE CASCADE,
  pending       INTEGER NOT NULL DEFAULT 0,
  pending_bytes INTEGER NOT NULL DEFAULT 0,
  ended         INTEGER NOT NULL DEFAULT 0,
  dropped       INTEGER NOT NULL DEFAULT 0 -- deliveries that were not even queued, as too many waited
) STRICT;
-- The body of what has ended is of no use any more.
UPDATE webhook_deliveries SET body = '' WHERE next_at IS NULL;
INSERT INTO webhook_queues (webhook, pending, pending_bytes, ended, dropped)
  SELECT key, count(next_at), coalesce(sum(octet_length(body)), 0), count(id) - count(next_at), dropped
  FROM webhooks LEFT JOIN webhook_deliveries ON webhook = key GROUP BY key;
ALTER TABLE webhooks DROP COLUMN dropped;

CREATE TRIGGER webhook_queue_made AFTER INSERT ON webhooks BEGIN
  INSERT INTO webhook_queues (webhook) VALUES (NEW.key);
END;
CREATE TRIGGER webhook_delivery_queued AFTER INSERT ON webhook_deliveries WHEN NEW.next_at IS NOT NULL BEGIN
  UPDATE webhook_queues SET pending = pending + 1, pending_bytes = pending_bytes + octet_length(NEW.body)
  WHERE webhook = NEW.webhook;
END;
CREATE TRIGGER webhook_delivery_ended AFTER UPDATE OF next_at ON webhook_deliveries
WHEN OLD.next_at IS NOT NULL AND NEW.next_at IS NULL BEGIN
  UPDATE webhook_queues
  SET pending = pending - 1, pending_bytes = pending_bytes - octet_length(OLD.body), ended = ended + 1
  WHERE webhook = NEW.webhook;
END;
CREATE TRIGGER webhook_delivery_removed AFTER DELETE ON webhook_deliveries BEGIN
  UPDATE webhook_queues
  SET pending = pending - (OLD.next_at IS NOT NULL), ended = ended - (OLD.next_at IS NULL),
    pending_bytes = pending_bytes - iif(OLD.next_at IS NULL, 0, octet_length(OLD.body))
  WHERE webhook = OLD.webhook;
END;

CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (created_at) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (webhook, id) WHERE next_at IS NULL;
CREATE INDEX webhook_deliveries_past ON webhook_deliveries (created_at) WHERE next_at IS NULL;

-- Events and answers are forgotten by when they came.
CREATE INDEX events_by_age ON events (received_at);
CREATE INDEX command_acks_by_age ON command_acks (received_at);
