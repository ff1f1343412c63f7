-- What administrators have granted to packs and which scripts they have stopped: part of what is in force.
ALTER TABLE model_version ADD COLUMN scripts TEXT NOT NULL DEFAULT '{}';

-- What each script has cost since it was first counted, added up by all processes.
CREATE TABLE script_usage (
    -- `object/work_order/fields/fee/formula`.
    script TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    operations INTEGER NOT NULL,
    operations_max INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    -- Runs by how many operations they took.
    up_to_100 INTEGER NOT NULL,
    up_to_1000 INTEGER NOT NULL,
    up_to_10000 INTEGER NOT NULL,
    up_to_50000 INTEGER NOT NULL,
    beyond INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last inputs of each script, so that it can be run again with them.
CREATE TABLE script_input (
    id BLOB NOT NULL PRIMARY KEY,
    script TEXT NOT NULL,
    at INTEGER NOT NULL,
    document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX script_input_script ON script_input (script, at);
