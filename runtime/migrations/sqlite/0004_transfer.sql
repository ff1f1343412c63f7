-- Long work that survives a restart, and imports of records.

CREATE TABLE job (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    -- What the job is about, such as an import: one job of a subject at a time.
    subject BLOB,
    actor BLOB,
    input TEXT NOT NULL,
    -- Where the next unit begins; written in the transaction of the unit before.
    cursor TEXT,
    done INTEGER NOT NULL,
    total INTEGER,
    detail TEXT NOT NULL,
    problem TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    -- Who works on it, and until when nobody else may.
    holder BLOB,
    held_until INTEGER,
    cancelling INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;
CREATE INDEX job_open ON job (created_at, id) WHERE status IN ('waiting', 'running');
CREATE UNIQUE INDEX job_subject ON job (subject) WHERE status IN ('waiting', 'running') AND subject IS NOT NULL;

CREATE TABLE import (
    id BLOB NOT NULL PRIMARY KEY,
    object TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by BLOB,
    -- Counts every change, for those who follow it.
    revision INTEGER NOT NULL,
    -- File, columns, mapping, options, counts.
    details TEXT NOT NULL
) STRICT;
CREATE INDEX import_created ON import (created_at, id);

-- The uploaded file, in pieces.
CREATE TABLE import_piece (
    import BLOB NOT NULL,
    ordinal INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (import, ordinal)
) STRICT;

-- What is to become of each row, and what became of it: many rows of the file in one row of the table.
CREATE TABLE import_chunk (
    import BLOB NOT NULL,
    first_row INTEGER NOT NULL,
    -- planned, applied or reverted.
    stage TEXT NOT NULL,
    -- Which outcomes it has: `c`reate, `u`pdate, `s`kip, `d`uplicate, `e`rror.
    outcomes TEXT NOT NULL,
    rows TEXT NOT NULL,
    results TEXT,
    PRIMARY KEY (import, first_row)
) STRICT;

-- How somebody last mapped the columns of a file to an object's fields.
CREATE TABLE import_mapping (
    owner TEXT NOT NULL,
    object TEXT NOT NULL,
    columns_digest TEXT NOT NULL,
    mapping TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (owner, object, columns_digest)
) STRICT, WITHOUT ROWID;
