-- Versions of a tenant's definitions: what was in force when, what is planned, what waits for its return.

-- The contents of packs that are or were in force.
CREATE TABLE pack_content (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    files TEXT NOT NULL
);

-- One row per publication, never changed; the newest is in force.
CREATE TABLE model_version (
    number BIGINT NOT NULL PRIMARY KEY,
    hash TEXT COLLATE "C" NOT NULL,
    -- Packs with their versions and contents.
    packs TEXT NOT NULL,
    -- The tenant's changes, one per property.
    overlay TEXT NOT NULL,
    -- Hash of each definition by kind and name.
    manifest TEXT NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    plan TEXT COLLATE "C",
    author UUID,
    at BIGINT NOT NULL
);

-- Plans are sealed: the hash is that of the document.
CREATE TABLE change_plan (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    target TEXT NOT NULL,
    applied_as BIGINT,
    author UUID,
    at BIGINT NOT NULL
);

-- What somebody is editing: all their changes to one definition.
CREATE TABLE definition_draft (
    owner TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    changes TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (owner, kind, name)
);

-- Columns whose field has left the model: kept with their data.
CREATE TABLE quarantine (
    object TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (object, name)
);
