-- What becomes of statements: taken back, in debt, disputed line by line.
ALTER TABLE statement ADD COLUMN reversed_at INTEGER;
-- Debts of former statements it took over at issue.
ALTER TABLE statement ADD COLUMN opening INTEGER NOT NULL DEFAULT 0;
-- Its own debt, once another statement took it over (carried_to) or it was written off.
ALTER TABLE statement ADD COLUMN carried INTEGER;
ALTER TABLE statement ADD COLUMN carried_to BLOB;
ALTER TABLE statement ADD COLUMN reverses BLOB;
ALTER TABLE statement ADD COLUMN reversed_by BLOB;
ALTER TABLE statement ADD COLUMN reason TEXT;
CREATE INDEX statement_carried ON statement (carried_to) WHERE carried_to IS NOT NULL;

CREATE TABLE dispute (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    statement BLOB NOT NULL,
    line BLOB NOT NULL,
    reason TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    opened_by BLOB,
    -- The line's amounts.
    gross INTEGER NOT NULL,
    net INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    outcome TEXT,
    settled_at INTEGER,
    settled_by BLOB,
    note TEXT,
    -- The statement the line went to, where it left.
    moved_to BLOB
) STRICT;
CREATE INDEX dispute_statement ON dispute (statement);
CREATE UNIQUE INDEX dispute_open ON dispute (line) WHERE settled_at IS NULL;
