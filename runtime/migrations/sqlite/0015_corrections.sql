-- What corrects a closed period, by the group it adds up in.
CREATE INDEX settlement_line_corrects ON settlement_line (group_digest, group_period)
    WHERE corrects IS NOT NULL AND group_digest IS NOT NULL;
