-- What stands posted in a cumulation group on one day.
CREATE TABLE cumulation_day (
    group_digest TEXT COLLATE "C" NOT NULL,
    group_period TEXT COLLATE "C" NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    business_date DATE NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    quantity NUMERIC(28, 6) NOT NULL,
    gross NUMERIC(28, 4) NOT NULL,
    PRIMARY KEY (group_digest, group_period, plan, business_date, line)
);
INSERT INTO cumulation_day (group_digest, group_period, plan, business_date, line, quantity, gross)
    SELECT group_digest, group_period, plan, business_date, line, sum(quantity), sum(gross)
    FROM settlement_line WHERE standing AND group_digest IS NOT NULL AND group_period IS NOT NULL
    GROUP BY group_digest, group_period, plan, business_date, line;
