-- Versions of a tenant's definitions: what was in force when, what is planned, what waits for its return.

-- The contents of packs that are or were in force.
CREATE TABLE pack_content (
    hash TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    files TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per publication, never changed; the newest is in force.
CREATE TABLE model_version (
    number INTEGER NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    -- Packs with their versions and contents.
    packs TEXT NOT NULL,
    -- The tenant's changes, one per property.
    overlay TEXT NOT NULL,
    -- Hash of each definition by kind and name.
    manifest TEXT NOT NULL,
    cause TEXT NOT NULL,
    plan TEXT,
    author BLOB,
    at INTEGER NOT NULL
) STRICT;

-- Plans are sealed: the hash is that of the document.
CREATE TABLE change_plan (
    hash TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    target TEXT NOT NULL,
    applied_as INTEGER,
    author BLOB,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What somebody is editing: all their changes to one definition.
CREATE TABLE definition_draft (
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    changes TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (owner, kind, name)
) STRICT, WITHOUT ROWID;

-- Columns whose field has left the model: kept with their data.
CREATE TABLE quarantine (
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (object, name)
) STRICT, WITHOUT ROWID;
