-- Rollups over records that refer to another one: what they come to, beside the record they are of.

CREATE TABLE child_total (
    -- `object.field` of the rollup.
    rollup TEXT COLLATE "C" NOT NULL,
    parent UUID NOT NULL,
    -- How many records count, how many of them have the number, and their sum.
    records BIGINT NOT NULL,
    filled BIGINT NOT NULL,
    total NUMERIC NOT NULL,
    -- The least, the greatest or the average.
    value NUMERIC,
    PRIMARY KEY (rollup, parent)
    -- Rows change often and in place.
) WITH (fillfactor = 70);

CREATE TABLE child_rollup (
    rollup TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- What the totals depend on; another one makes them anew.
    form TEXT COLLATE "C" NOT NULL
);
