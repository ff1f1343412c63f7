-- Rows of rate tables that posted lines rest on: such a row is never taken back.
CREATE TABLE rate_use (
    rate_table TEXT COLLATE "C" NOT NULL,
    -- The row's name, which its later versions keep.
    row_name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (rate_table, row_name)
);

INSERT INTO rate_use (rate_table, row_name)
SELECT DISTINCT found.value ->> 'table', found.value ->> 'row'
FROM settlement_line AS l, jsonb_array_elements(l.trace -> 'lookups') AS found(value);
