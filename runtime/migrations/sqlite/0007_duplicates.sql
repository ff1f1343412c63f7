-- Which records look alike: one row per live record and rule, and how far each rule's rows are made.

CREATE TABLE duplicate_key (
    object TEXT NOT NULL,
    rule TEXT NOT NULL,
    value TEXT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (object, rule, value, record)
) STRICT;
CREATE INDEX duplicate_key_record ON duplicate_key (record);

CREATE TABLE duplicate_rule (
    object TEXT NOT NULL,
    rule TEXT NOT NULL,
    -- What the keys depend on; another one makes them anew.
    form TEXT NOT NULL,
    -- The last record whose key is made; the next batch goes on after it.
    filled_to BLOB,
    filled INTEGER NOT NULL,
    PRIMARY KEY (object, rule)
) STRICT;
