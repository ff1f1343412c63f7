-- The transaction an event was written in: readers of the stream see only what no running transaction can come before.
ALTER TABLE event ADD COLUMN tx xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX event_stream ON event (tx, seq);
