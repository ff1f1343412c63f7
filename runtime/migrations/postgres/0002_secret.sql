-- Keys that never leave the tenant, such as the one that seals cursors. In hexadecimal digits.
CREATE TABLE secret (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
