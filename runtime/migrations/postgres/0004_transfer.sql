-- Long work that survives a restart, and imports of records.

CREATE TABLE job (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    -- What the job is about, such as an import: one job of a subject at a time.
    subject UUID,
    actor UUID,
    input JSONB NOT NULL,
    -- Where the next unit begins; written in the transaction of the unit before.
    cursor TEXT COLLATE "C",
    done BIGINT NOT NULL,
    total BIGINT,
    detail TEXT COLLATE "C" NOT NULL,
    problem JSONB,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    -- Who works on it, and until when nobody else may.
    holder UUID,
    held_until BIGINT,
    cancelling BOOLEAN NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX job_open ON job (created_at, id) WHERE status IN ('waiting', 'running');
CREATE UNIQUE INDEX job_subject ON job (subject) WHERE status IN ('waiting', 'running') AND subject IS NOT NULL;

CREATE TABLE import (
    id UUID NOT NULL PRIMARY KEY,
    object TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    created_by UUID,
    -- Counts every change, for those who follow it.
    revision BIGINT NOT NULL,
    -- File, columns, mapping, options, counts.
    details JSONB NOT NULL
);
CREATE INDEX import_created ON import (created_at, id);

-- The uploaded file, in pieces.
CREATE TABLE import_piece (
    import UUID NOT NULL,
    ordinal BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    stored_at BIGINT NOT NULL,
    PRIMARY KEY (import, ordinal)
);

-- What is to become of each row, and what became of it: many rows of the file in one row of the table.
CREATE TABLE import_chunk (
    import UUID NOT NULL,
    first_row BIGINT NOT NULL,
    -- planned, applied or reverted.
    stage TEXT COLLATE "C" NOT NULL,
    -- Which outcomes it has: `c`reate, `u`pdate, `s`kip, `d`uplicate, `e`rror.
    outcomes TEXT COLLATE "C" NOT NULL,
    rows TEXT COLLATE "C" NOT NULL,
    results TEXT COLLATE "C",
    PRIMARY KEY (import, first_row)
);

-- How somebody last mapped the columns of a file to an object's fields.
CREATE TABLE import_mapping (
    owner TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    columns_digest TEXT COLLATE "C" NOT NULL,
    mapping JSONB NOT NULL,
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (owner, object, columns_digest)
);
