-- What stands posted in a cumulation group on one day.
CREATE TABLE cumulation_day (
    group_digest TEXT NOT NULL,
    group_period TEXT NOT NULL,
    plan TEXT NOT NULL,
    business_date TEXT NOT NULL,
    line TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    gross INTEGER NOT NULL,
    PRIMARY KEY (group_digest, group_period, plan, business_date, line)
) STRICT, WITHOUT ROWID;
INSERT INTO cumulation_day (group_digest, group_period, plan, business_date, line, quantity, gross)
    SELECT group_digest, group_period, plan, business_date, line, sum(quantity), sum(gross)
    FROM settlement_line WHERE standing = 1 AND group_digest IS NOT NULL AND group_period IS NOT NULL
    GROUP BY group_digest, group_period, plan, business_date, line;
