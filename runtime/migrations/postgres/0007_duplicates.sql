-- Which records look alike: one row per live record and rule, and how far each rule's rows are made.

CREATE TABLE duplicate_key (
    object TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    record UUID NOT NULL,
    PRIMARY KEY (object, rule, value, record)
);
CREATE INDEX duplicate_key_record ON duplicate_key (record);

CREATE TABLE duplicate_rule (
    object TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    -- What the keys depend on; another one makes them anew.
    form TEXT COLLATE "C" NOT NULL,
    -- The last record whose key is made; the next batch goes on after it.
    filled_to UUID,
    filled BIGINT NOT NULL,
    PRIMARY KEY (object, rule)
);
