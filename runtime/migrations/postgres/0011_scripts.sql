-- What administrators have granted to packs and which scripts they have stopped: part of what is in force.
ALTER TABLE model_version ADD COLUMN scripts TEXT COLLATE "C" NOT NULL DEFAULT '{}';

-- What each script has cost since it was first counted, added up by all processes.
CREATE TABLE script_usage (
    -- `object/work_order/fields/fee/formula`.
    script TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    operations BIGINT NOT NULL,
    operations_max BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    -- Runs by how many operations they took.
    up_to_100 BIGINT NOT NULL,
    up_to_1000 BIGINT NOT NULL,
    up_to_10000 BIGINT NOT NULL,
    up_to_50000 BIGINT NOT NULL,
    beyond BIGINT NOT NULL
);

-- The last inputs of each script, so that it can be run again with them.
CREATE TABLE script_input (
    id UUID NOT NULL PRIMARY KEY,
    script TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    document TEXT COLLATE "C" NOT NULL
);
CREATE INDEX script_input_script ON script_input (script, at);
