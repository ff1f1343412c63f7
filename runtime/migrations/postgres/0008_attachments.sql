-- A file may come before its record: `record` is null until a record names it.

ALTER TABLE attachment ALTER COLUMN record DROP NOT NULL;
CREATE INDEX attachment_waiting ON attachment (uploaded_at) WHERE record IS NULL;
