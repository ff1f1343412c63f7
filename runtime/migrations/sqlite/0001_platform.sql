-- Tables of the platform. Tables of objects (`o_…`) are made from the model, see runtime/src/store/tables.rs.

-- What the tables of objects look like: the kind says more than a column's type (digits after the point).
CREATE TABLE object_column (
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (object, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE object_index (
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    columns TEXT NOT NULL,
    PRIMARY KEY (object, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE collection_revision (
    object TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE command (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    actor BLOB,
    -- The actor as text, or `system`: a key belongs to who sent it.
    key_owner TEXT,
    idempotency_key TEXT,
    digest TEXT,
    subject_object TEXT,
    subject BLOB,
    reply TEXT
) STRICT;
CREATE UNIQUE INDEX command_key ON command (key_owner, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    object TEXT NOT NULL,
    record BLOB NOT NULL,
    kind TEXT NOT NULL,
    transition TEXT,
    changes TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor BLOB,
    command BLOB NOT NULL
) STRICT;
CREATE INDEX event_record ON event (record, seq);

CREATE TABLE todo (
    record BLOB NOT NULL,
    object TEXT NOT NULL,
    todo TEXT NOT NULL,
    role TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    PRIMARY KEY (record, object, todo)
) STRICT, WITHOUT ROWID;
CREATE INDEX todo_open ON todo (role, opened_at) WHERE closed_at IS NULL;

CREATE TABLE settlement_line (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    plan TEXT NOT NULL,
    line TEXT NOT NULL,
    fact_object TEXT NOT NULL,
    fact BLOB NOT NULL,
    payer_object TEXT NOT NULL,
    payer BLOB NOT NULL,
    payee_object TEXT NOT NULL,
    payee BLOB NOT NULL,
    business_date TEXT NOT NULL,
    period TEXT NOT NULL,
    service_period TEXT NOT NULL,
    corrects TEXT,
    reverses BLOB UNIQUE,
    group_digest TEXT,
    group_period TEXT,
    quantity INTEGER NOT NULL,
    gross INTEGER NOT NULL,
    net INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    tax_rate INTEGER NOT NULL,
    tax_kind TEXT NOT NULL,
    currency TEXT NOT NULL,
    dimensions TEXT NOT NULL,
    trace TEXT NOT NULL,
    statement BLOB,
    run BLOB,
    posted_at INTEGER NOT NULL,
    -- A charge that no line takes back.
    standing INTEGER NOT NULL
) STRICT;
CREATE INDEX settlement_line_fact ON settlement_line (fact, plan);
CREATE INDEX settlement_line_statement ON settlement_line (statement);
CREATE INDEX settlement_line_run ON settlement_line (run) WHERE run IS NOT NULL;
CREATE INDEX settlement_line_period ON settlement_line (period, payee);
CREATE INDEX settlement_line_group ON settlement_line (group_digest, group_period, business_date, fact)
    WHERE standing = 1 AND group_digest IS NOT NULL;

CREATE TABLE ledger_entry (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    posting TEXT NOT NULL,
    account TEXT NOT NULL,
    debit INTEGER NOT NULL,
    credit INTEGER NOT NULL,
    currency TEXT NOT NULL,
    period TEXT NOT NULL,
    payer_object TEXT NOT NULL,
    payer BLOB NOT NULL,
    payee_object TEXT NOT NULL,
    payee BLOB NOT NULL,
    run BLOB,
    posted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_entry_period ON ledger_entry (period, account);

CREATE TABLE statement (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    definition TEXT NOT NULL,
    payer_object TEXT NOT NULL,
    payer BLOB NOT NULL,
    payee_object TEXT NOT NULL,
    payee BLOB NOT NULL,
    period TEXT NOT NULL,
    currency TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    status TEXT NOT NULL,
    number TEXT,
    created_at INTEGER NOT NULL,
    issued_at INTEGER,
    confirmed_at INTEGER,
    paid_at INTEGER
) STRICT;
CREATE UNIQUE INDEX statement_key ON statement (payee, payer, period, definition, currency, ordinal);
CREATE UNIQUE INDEX statement_number ON statement (definition, number) WHERE number IS NOT NULL;

CREATE TABLE period_closed (
    calendar TEXT NOT NULL,
    period TEXT NOT NULL,
    at INTEGER NOT NULL,
    closed_by BLOB,
    PRIMARY KEY (calendar, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE settlement_run (
    id BLOB NOT NULL PRIMARY KEY,
    plan TEXT NOT NULL,
    period TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    actor BLOB,
    facts INTEGER NOT NULL,
    done INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    details TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX settlement_run_active ON settlement_run (plan, period) WHERE status = 'running';
CREATE INDEX settlement_run_started ON settlement_run (started_at);

CREATE TABLE counter (
    sequence TEXT NOT NULL,
    bucket TEXT NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (sequence, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
    user_id BLOB NOT NULL PRIMARY KEY,
    password_hash TEXT NOT NULL
) STRICT;

CREATE TABLE session (
    token_hash BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL,
    csrf TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;
CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_ending ON session (expires_at);

CREATE TABLE installed_pack (
    name TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    hash TEXT NOT NULL,
    installed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE seed_mark (
    seed TEXT NOT NULL,
    record_key TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (seed, record_key)
) STRICT, WITHOUT ROWID;
