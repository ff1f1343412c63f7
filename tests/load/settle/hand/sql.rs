//! The SQL of the hand-written program; of SQLite as published in docs/measurements.md.

use crate::settle::connection::Connection;

/// What is read in other words on each database, for the same types: dates as text, numbers whole as SQLite keeps
/// them.
pub struct Texts {
    pub facts: &'static str,
    pub tiers: &'static str,
    pub areas: &'static str,
    pub prices: &'static str,
    pub taxes: &'static str,
}

pub fn texts(connection: &Connection) -> &'static Texts {
    match connection {
        Connection::Sqlite(_) => &SQLITE,
        Connection::Postgres(_) => &POSTGRES,
    }
}

const SQLITE: Texts = Texts {
    facts: "
SELECT w.f_id, w.f_finished_at_day, w.f_quantity, w.f_service, w.f_region, w.f_department, w.f_partner, w.f_customer,
       w.f_owner, p.f_mode, p.f_legal_entity = d.f_legal_entity
FROM o_work_order AS w
JOIN o_partner AS p ON p.f_id = w.f_partner
JOIN o_department AS d ON d.f_id = w.f_department
WHERE w.f_state = 'completed' AND w.f_deleted_at IS NULL
  AND w.f_finished_at_day >= '2026-03-01' AND w.f_finished_at_day < '2026-04-01'
ORDER BY w.f_partner, w.f_finished_at_day, w.f_id",
    tiers: "
SELECT f_region, f_tier, f_valid_from, f_valid_to FROM o_region_tier WHERE f_deleted_at IS NULL
ORDER BY f_valid_from DESC",
    areas: "
SELECT f_region, f_area, f_valid_from, f_valid_to FROM o_region_area WHERE f_deleted_at IS NULL
ORDER BY f_valid_from DESC",
    prices: "
SELECT f_id, f_row, f_service, f_tier, f_mode, f_price, f_price_schedule, f_valid_from, f_valid_to
FROM o_internal_price WHERE f_deleted_at IS NULL AND f_superseded_at IS NULL",
    taxes: "
SELECT f_id, f_row, f_service, f_rate, f_valid_from, f_valid_to
FROM o_vat WHERE f_deleted_at IS NULL AND f_superseded_at IS NULL",
};

const POSTGRES: Texts = Texts {
    facts: "
SELECT w.f_id, w.f_finished_at_day::text, (w.f_quantity * 100)::bigint, w.f_service, w.f_region, w.f_department,
       w.f_partner, w.f_customer, w.f_owner, p.f_mode, p.f_legal_entity = d.f_legal_entity
FROM o_work_order AS w
JOIN o_partner AS p ON p.f_id = w.f_partner
JOIN o_department AS d ON d.f_id = w.f_department
WHERE w.f_state = 'completed' AND w.f_deleted_at IS NULL
  AND w.f_finished_at_day >= '2026-03-01' AND w.f_finished_at_day < '2026-04-01'
ORDER BY w.f_partner, w.f_finished_at_day, w.f_id",
    tiers: "
SELECT f_region, f_tier, f_valid_from::text, f_valid_to::text FROM o_region_tier WHERE f_deleted_at IS NULL
ORDER BY f_valid_from DESC",
    areas: "
SELECT f_region, f_area, f_valid_from::text, f_valid_to::text FROM o_region_area WHERE f_deleted_at IS NULL
ORDER BY f_valid_from DESC",
    prices: "
SELECT f_id, f_row, f_service, f_tier, f_mode, (f_price * 10000)::bigint, f_price_schedule, f_valid_from::text,
       f_valid_to::text
FROM o_internal_price WHERE f_deleted_at IS NULL AND f_superseded_at IS NULL",
    taxes: "
SELECT f_id, f_row, f_service, (f_rate * 1000000)::bigint, f_valid_from::text, f_valid_to::text
FROM o_vat WHERE f_deleted_at IS NULL AND f_superseded_at IS NULL",
};

pub const REGIONS: &str = "SELECT f_id, f_parent FROM o_region WHERE f_deleted_at IS NULL";

pub const REVISIONS: &str = "
SELECT (SELECT revision FROM collection_revision WHERE object = 'internal_price'),
       (SELECT revision FROM collection_revision WHERE object = 'vat')";

pub const DRAFTS: &str = "
SELECT payer, payee, id FROM statement
WHERE definition = 'partner_month' AND period = '2026-03' AND currency = 'CNY' AND status = 'draft'";

pub const INSERT_STATEMENT: &str = "
INSERT INTO statement (id, version, definition, payer_object, payer, payee_object, payee, period, currency, ordinal,
                       status, created_at)
VALUES (?, 1, 'partner_month', 'department', ?, 'partner', ?, '2026-03', 'CNY', 1, 'draft', ?)";

pub const INSERT_LINES: &str = "
INSERT INTO settlement_line (id, plan, line, fact_object, fact, payer_object, payer, payee_object, payee, business_date,
                             period, service_period, group_digest, group_period, quantity, gross, net, tax, tax_rate,
                             tax_kind, currency, dimensions, trace, statement, run, posted_at, standing)
VALUES ";

/// One row of `INSERT_LINES`; 500 of them to a statement.
pub const LINE: &str = "(?, 'internal_settlement', 'service_fee', 'work_order', ?, 'department', ?, 'partner', ?, ?, \
                        '2026-03', '2026-03', ?, ?, ?, ?, ?, ?, ?, ?, 'CNY', ?, ?, ?, ?, ?, 1)";

pub const INSERT_ENTRY: &str = "
INSERT INTO ledger_entry (id, posting, account, debit, credit, currency, period, payer_object, payer, payee_object,
                          payee, run, posted_at)
VALUES (?, 'internal_settlement', ?, ?, ?, 'CNY', '2026-03', 'department', ?, 'partner', ?, ?, ?)";

/// A statement that inserts so many rows.
pub fn many(insert: &str, row: &str, count: usize) -> String {
    let mut text = String::with_capacity(insert.len() + count * (row.len() + 2));
    text.push_str(insert);
    for index in 0..count {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(row);
    }
    text
}
