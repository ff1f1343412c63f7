-- What becomes of statements: taken back, in debt, disputed line by line.
ALTER TABLE statement ADD COLUMN reversed_at BIGINT;
-- Debts of former statements it took over at issue.
ALTER TABLE statement ADD COLUMN opening NUMERIC(18, 4) NOT NULL DEFAULT 0;
-- Its own debt, once another statement took it over (carried_to) or it was written off.
ALTER TABLE statement ADD COLUMN carried NUMERIC(18, 4);
ALTER TABLE statement ADD COLUMN carried_to UUID;
ALTER TABLE statement ADD COLUMN reverses UUID;
ALTER TABLE statement ADD COLUMN reversed_by UUID;
ALTER TABLE statement ADD COLUMN reason TEXT;
CREATE INDEX statement_carried ON statement (carried_to) WHERE carried_to IS NOT NULL;

CREATE TABLE dispute (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    statement UUID NOT NULL,
    line UUID NOT NULL,
    reason TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    opened_by UUID,
    -- The line's amounts.
    gross NUMERIC(18, 4) NOT NULL,
    net NUMERIC(18, 4) NOT NULL,
    tax NUMERIC(18, 4) NOT NULL,
    outcome TEXT COLLATE "C",
    settled_at BIGINT,
    settled_by UUID,
    note TEXT,
    -- The statement the line went to, where it left.
    moved_to UUID
);
CREATE INDEX dispute_statement ON dispute (statement);
CREATE UNIQUE INDEX dispute_open ON dispute (line) WHERE settled_at IS NULL;
