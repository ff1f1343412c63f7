-- Rollups over records that refer to another one: what they come to, beside the record they are of.

CREATE TABLE child_total (
    -- `object.field` of the rollup.
    rollup TEXT NOT NULL,
    parent BLOB NOT NULL,
    -- How many records count, how many of them have the number, and their sum in its smallest unit.
    records INTEGER NOT NULL,
    filled INTEGER NOT NULL,
    total INTEGER NOT NULL,
    -- The least, the greatest or the average.
    value INTEGER,
    PRIMARY KEY (rollup, parent)
) STRICT, WITHOUT ROWID;

CREATE TABLE child_rollup (
    rollup TEXT NOT NULL PRIMARY KEY,
    -- What the totals depend on; another one makes them anew.
    form TEXT NOT NULL
) STRICT;
