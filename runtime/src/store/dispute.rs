//! Disputes about lines of statements. While one is open its line is held; a line has one open dispute at most.

use super::apply::insert_rows;
use super::connection::Connection;
use super::line::{AMOUNT_SCALE, Columns, push_visible, stored_number};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::decision::DisputeChange;
use packwork_engine::moment::Moment;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::statement::{Dispute, DisputeOutcome, SettledDispute};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const SELECT: &str = "SELECT d.id, d.statement, d.line, d.reason, d.opened_at, d.opened_by, d.gross, d.net, d.tax,
    d.outcome, d.settled_at, d.settled_by, d.note, d.moved_to FROM dispute AS d ";

const AMOUNT: Kind = Kind::Decimal(AMOUNT_SCALE);

const KINDS: [Kind; 14] = [
    Kind::Id,
    Kind::Id,
    Kind::Id,
    Kind::Text,
    Kind::Int,
    Kind::Id,
    AMOUNT,
    AMOUNT,
    AMOUNT,
    Kind::Text,
    Kind::Int,
    Kind::Id,
    Kind::Text,
    Kind::Id,
];

impl Store {
    /// The disputes about a statement, in the order they were opened.
    pub async fn disputes(&self, scope: &Scope, statement: Uuid) -> Result<Vec<Dispute>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        sql.push(SELECT).push("JOIN statement AS s ON s.id = d.statement WHERE ");
        push_visible(&mut sql, scope, "s");
        sql.push(" AND d.statement = ").bind(Datum::Id(statement)).push(" ORDER BY d.seq");
        rows(&mut connection, sql).await
    }
}

/// The same for decisions, which see everything.
pub(super) async fn of_statement(connection: &mut Connection, statement: Uuid) -> Result<Vec<Dispute>, StoreError> {
    let mut sql = Sql::new(connection.dialect());
    sql.push(SELECT).push("WHERE d.statement = ").bind(Datum::Id(statement)).push(" ORDER BY d.seq");
    rows(connection, sql).await
}

async fn rows(connection: &mut Connection, sql: Sql) -> Result<Vec<Dispute>, StoreError> {
    let rows = connection.rows("reading disputes", sql, &KINDS).await?;
    rows.into_iter().map(decode).collect()
}

fn decode(row: Vec<Datum>) -> Result<Dispute, StoreError> {
    let mut row = Columns::of("dispute", row);
    Ok(Dispute {
        id: row.id()?,
        statement: row.id()?,
        line: row.id()?,
        reason: row.text()?.to_string(),
        opened_at: row.moment()?,
        opened_by: row.optional_id(),
        gross: row.amount()?,
        net: row.amount()?,
        tax: row.amount()?,
        settled: {
            let (outcome, at, by) = (row.optional_text(), row.optional_int(), row.optional_id());
            let (note, moved_to) = (row.optional_text().map(|text| text.to_string()), row.optional_id());
            match (outcome, at) {
                (Some(text), Some(at)) => {
                    let outcome = DisputeOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == &*text);
                    let outcome = outcome.ok_or_else(|| row.wrong(format!("`{text}` is no outcome")))?;
                    Some(SettledDispute { outcome, at: Moment::from_micros(at), by, note, moved_to })
                }
                _ => None,
            }
        },
    })
}

/// Opens and settles disputes. A refusal where somebody else was first.
pub(super) async fn apply(
    connection: &mut Connection,
    changes: &[DisputeChange],
) -> Result<Option<Refusal>, StoreError> {
    let mut opened = Vec::new();
    for change in changes {
        match change {
            DisputeChange::Open(dispute) => match encode(dispute) {
                Ok(row) => opened.push(row),
                Err(refusal) => return Ok(Some(refusal)),
            },
            DisputeChange::Settle { id, settled } => {
                if settle(connection, *id, settled).await? != 1 {
                    let detail = "the dispute was settled by somebody else";
                    return Ok(Some(Refusal::new(Code::StaleVersion, detail)));
                }
            }
        }
    }
    let into = "dispute (id, statement, line, reason, opened_at, opened_by, gross, net, tax)";
    insert_rows(connection, "opening disputes", "", into, opened).await?;
    Ok(None)
}

fn encode(dispute: &Dispute) -> Result<Vec<Datum>, Refusal> {
    Ok(vec![
        Datum::Id(dispute.id),
        Datum::Id(dispute.statement),
        Datum::Id(dispute.line),
        Datum::text(&dispute.reason),
        Datum::Int(dispute.opened_at.micros()),
        Datum::optional_id(dispute.opened_by),
        stored_number("gross", dispute.gross, AMOUNT_SCALE)?,
        stored_number("net", dispute.net, AMOUNT_SCALE)?,
        stored_number("tax", dispute.tax, AMOUNT_SCALE)?,
    ])
}

async fn settle(connection: &mut Connection, id: Uuid, settled: &SettledDispute) -> Result<u64, StoreError> {
    let binds = vec![
        Datum::text(settled.outcome.as_str()),
        Datum::Int(settled.at.micros()),
        Datum::optional_id(settled.by),
        Datum::optional_text(settled.note.as_deref()),
        Datum::optional_id(settled.moved_to),
        Datum::Id(id),
    ];
    let text = "UPDATE dispute SET outcome = ?, settled_at = ?, settled_by = ?, note = ?, moved_to = ?
                WHERE id = ? AND settled_at IS NULL";
    connection.execute("settling a dispute", Sql::of(connection.dialect(), text, binds)).await
}

/// What is disputed and taken back is disputed no longer: the line goes where it is taken back, so that neither statement
/// pays or keeps anything for it.
pub(super) async fn settle_by(
    connection: &mut Connection,
    lines: &[Uuid],
    takers: &BTreeMap<Uuid, &Line>,
) -> Result<(), StoreError> {
    let mut sql = Sql::new(connection.dialect());
    sql.push(SELECT).push("WHERE d.settled_at IS NULL AND ").any_of("d.line", Datum::Ids(lines.to_vec()));
    let open = rows(connection, sql).await?;
    let mut touched = BTreeSet::new();
    for dispute in open {
        let Some(taker) = takers.get(&dispute.line) else { continue };
        let settled = SettledDispute {
            outcome: DisputeOutcome::Reversed,
            at: taker.posted_at,
            by: None,
            note: None,
            moved_to: taker.statement,
        };
        settle(connection, dispute.id, &settled).await?;
        let binds = vec![Datum::optional_id(taker.statement), Datum::Id(dispute.line)];
        let text = "UPDATE settlement_line SET statement = ? WHERE id = ?";
        connection.execute("moving a line", Sql::of(connection.dialect(), text, binds)).await?;
        touched.insert(dispute.statement);
    }
    if !touched.is_empty() {
        let mut sql = Sql::new(connection.dialect());
        sql.push("UPDATE statement SET version = version + 1 WHERE ");
        sql.any_of("id", Datum::Ids(touched.into_iter().collect()));
        connection.execute("changing statements", sql).await?;
    }
    Ok(())
}
