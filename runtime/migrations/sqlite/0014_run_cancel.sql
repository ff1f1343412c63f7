-- Whether somebody wants a run to stop: it does after the command it is at.
ALTER TABLE settlement_run ADD COLUMN cancelling INTEGER NOT NULL DEFAULT 0;
