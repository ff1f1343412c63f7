-- Tables of the platform. Tables of objects (`o_…`) are made from the model, see runtime/src/store/tables.rs.

-- What the tables of objects look like: the kind says more than a column's type (digits after the point).
CREATE TABLE object_column (
    object TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (object, name)
);

CREATE TABLE object_index (
    object TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    columns TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (object, name)
);

CREATE TABLE collection_revision (
    object TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);

CREATE TABLE command (
    id UUID NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor UUID,
    -- The actor as text, or `system`: a key belongs to who sent it.
    key_owner TEXT COLLATE "C",
    idempotency_key TEXT COLLATE "C",
    digest TEXT COLLATE "C",
    subject_object TEXT COLLATE "C",
    subject UUID,
    reply JSONB
);
CREATE UNIQUE INDEX command_key ON command (key_owner, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE event (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    record UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    transition TEXT COLLATE "C",
    changes JSONB NOT NULL,
    at BIGINT NOT NULL,
    actor UUID,
    command UUID NOT NULL
);
CREATE INDEX event_record ON event (record, seq);

CREATE TABLE todo (
    record UUID NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    todo TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    PRIMARY KEY (record, object, todo)
);
CREATE INDEX todo_open ON todo (role, opened_at) WHERE closed_at IS NULL;

CREATE TABLE settlement_line (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    plan TEXT COLLATE "C" NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    fact_object TEXT COLLATE "C" NOT NULL,
    fact UUID NOT NULL,
    payer_object TEXT COLLATE "C" NOT NULL,
    payer UUID NOT NULL,
    payee_object TEXT COLLATE "C" NOT NULL,
    payee UUID NOT NULL,
    business_date DATE NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    service_period TEXT COLLATE "C" NOT NULL,
    corrects TEXT COLLATE "C",
    reverses UUID UNIQUE,
    group_digest TEXT COLLATE "C",
    group_period TEXT COLLATE "C",
    quantity NUMERIC(18, 6) NOT NULL,
    gross NUMERIC(18, 4) NOT NULL,
    net NUMERIC(18, 4) NOT NULL,
    tax NUMERIC(18, 4) NOT NULL,
    tax_rate NUMERIC(18, 6) NOT NULL,
    tax_kind TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    dimensions JSONB NOT NULL,
    trace JSONB NOT NULL,
    statement UUID,
    run UUID,
    posted_at BIGINT NOT NULL,
    -- A charge that no line takes back.
    standing BOOLEAN NOT NULL
);
CREATE INDEX settlement_line_fact ON settlement_line (fact, plan);
CREATE INDEX settlement_line_statement ON settlement_line (statement);
CREATE INDEX settlement_line_run ON settlement_line (run) WHERE run IS NOT NULL;
CREATE INDEX settlement_line_period ON settlement_line (period, payee);
CREATE INDEX settlement_line_group ON settlement_line (group_digest, group_period, business_date, fact)
    WHERE standing AND group_digest IS NOT NULL;

CREATE TABLE ledger_entry (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL,
    posting TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    debit NUMERIC(18, 4) NOT NULL,
    credit NUMERIC(18, 4) NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    payer_object TEXT COLLATE "C" NOT NULL,
    payer UUID NOT NULL,
    payee_object TEXT COLLATE "C" NOT NULL,
    payee UUID NOT NULL,
    run UUID,
    posted_at BIGINT NOT NULL
);
CREATE INDEX ledger_entry_period ON ledger_entry (period, account);

CREATE TABLE statement (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    definition TEXT COLLATE "C" NOT NULL,
    payer_object TEXT COLLATE "C" NOT NULL,
    payer UUID NOT NULL,
    payee_object TEXT COLLATE "C" NOT NULL,
    payee UUID NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    ordinal BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    issued_at BIGINT,
    confirmed_at BIGINT,
    paid_at BIGINT
);
CREATE UNIQUE INDEX statement_key ON statement (payee, payer, period, definition, currency, ordinal);
CREATE UNIQUE INDEX statement_number ON statement (definition, number) WHERE number IS NOT NULL;

CREATE TABLE period_closed (
    calendar TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    closed_by UUID,
    PRIMARY KEY (calendar, period)
);

CREATE TABLE settlement_run (
    id UUID NOT NULL PRIMARY KEY,
    plan TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    actor UUID,
    facts BIGINT NOT NULL,
    done BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    details JSONB NOT NULL
);
CREATE UNIQUE INDEX settlement_run_active ON settlement_run (plan, period) WHERE status = 'running';
CREATE INDEX settlement_run_started ON settlement_run (started_at);

CREATE TABLE counter (
    sequence TEXT COLLATE "C" NOT NULL,
    bucket TEXT COLLATE "C" NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (sequence, bucket)
);

CREATE TABLE credential (
    user_id UUID NOT NULL PRIMARY KEY,
    password_hash TEXT COLLATE "C" NOT NULL
);

CREATE TABLE session (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    user_id UUID NOT NULL,
    csrf TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_seen BIGINT NOT NULL
);
CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_ending ON session (expires_at);

CREATE TABLE installed_pack (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    installed_at BIGINT NOT NULL
);

CREATE TABLE seed_mark (
    seed TEXT COLLATE "C" NOT NULL,
    record_key TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (seed, record_key)
);
