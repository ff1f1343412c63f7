//! Statements: the document of two parties and a period, with the totals of its lines.

use super::apply::insert_rows;
use super::connection::Connection;
use super::counter;
use super::line::{AMOUNT_SCALE, Columns, push_visible};
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::decision::NewStatement;
use packwork_engine::facts::{Counter, Facts};
use packwork_engine::moment::Moment;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::{StatementHead, StatementKey, StatementStatus};
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Which statements; what is `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementQuery {
    pub payer: Option<Uuid>,
    pub payee: Option<Uuid>,
    /// Payer or payee.
    pub party: Option<Uuid>,
    pub period: Option<String>,
    pub status: Option<StatementStatus>,
    /// The last statement of the former page; newest first.
    pub after: Option<Uuid>,
    pub limit: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StatementRow {
    pub id: Uuid,
    pub version: i64,
    pub key: StatementKey,
    pub ordinal: i64,
    pub status: StatementStatus,
    /// Given at issue, gapless.
    pub number: Option<String>,
    pub created_at: Moment,
    pub issued_at: Option<Moment>,
    pub confirmed_at: Option<Moment>,
    pub paid_at: Option<Moment>,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    /// Lines on it, charges and what takes them back.
    pub lines: u64,
}

/// A number without gaps: taken in the transaction that needs it.
pub struct Numbering {
    pub counter: Counter,
    /// The number's text from the counter's value.
    pub format: Box<dyn Fn(i64) -> String + Send + Sync>,
}

/// A statement's next status. Whether the step is allowed is decided before.
pub struct StatementChange {
    pub id: Uuid,
    pub expected_version: i64,
    pub status: StatementStatus,
    pub number: Option<Numbering>,
    pub at: Moment,
}

const STATUSES: [StatementStatus; 4] =
    [StatementStatus::Draft, StatementStatus::Issued, StatementStatus::Confirmed, StatementStatus::Paid];

pub(super) fn status_named(name: &str) -> Option<StatementStatus> {
    STATUSES.into_iter().find(|status| status.as_str() == name)
}

const SELECT: &str = "SELECT s.id, s.version, s.definition, s.payer_object, s.payer, s.payee_object, s.payee, s.period,
    s.currency, s.ordinal, s.status, s.number, s.created_at, s.issued_at, s.confirmed_at, s.paid_at,
    coalesce(sum(l.gross), 0), coalesce(sum(l.net), 0), coalesce(sum(l.tax), 0), count(l.id)
    FROM statement AS s LEFT JOIN settlement_line AS l ON l.statement = s.id WHERE ";

const AMOUNT: Kind = Kind::Decimal(AMOUNT_SCALE);

const KINDS: [Kind; 20] = [
    Kind::Id,
    Kind::Int,
    Kind::Text,
    Kind::Text,
    Kind::Id,
    Kind::Text,
    Kind::Id,
    Kind::Text,
    Kind::Text,
    Kind::Int,
    Kind::Text,
    Kind::Text,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    AMOUNT,
    AMOUNT,
    AMOUNT,
    Kind::Int,
];

impl Store {
    pub async fn statements(&self, scope: &Scope, query: &StatementQuery) -> Result<Vec<StatementRow>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        // The page first, then the sums of its statements only.
        sql.push(SELECT).push("s.id IN (SELECT s.id FROM statement AS s WHERE ");
        push_visible(&mut sql, scope, "s");
        for (name, id) in [("payer", query.payer), ("payee", query.payee)] {
            if let Some(id) = id {
                sql.push(" AND s.").push(name).push(" = ").bind(Datum::Id(id));
            }
        }
        if let Some(party) = query.party {
            sql.with(" AND (s.payer = ? OR s.payee = ?)", vec![Datum::Id(party), Datum::Id(party)]);
        }
        if let Some(period) = &query.period {
            sql.push(" AND s.period = ").bind(Datum::text(period));
        }
        if let Some(status) = query.status {
            sql.push(" AND s.status = ").bind(Datum::text(status.as_str()));
        }
        if let Some(after) = query.after {
            sql.with(" AND s.seq < (SELECT seq FROM statement WHERE id = ?)", vec![Datum::Id(after)]);
        }
        sql.push(" ORDER BY s.seq DESC LIMIT ").bind(Datum::Int(i64::from(query.limit)));
        sql.push(") GROUP BY s.seq ORDER BY s.seq DESC");
        let rows = connection.rows("listing statements", sql, &KINDS).await?;
        rows.into_iter().map(decode).collect()
    }

    pub async fn statement(&self, scope: &Scope, id: Uuid) -> Result<Option<StatementRow>, StoreError> {
        self.check(scope)?;
        read(&mut self.reader().await?, scope, id).await
    }

    /// Refused with `stale_version` when somebody else changed the statement, `not_found` when there is none to see.
    pub async fn set_statement_status(
        &self,
        scope: &Scope,
        change: StatementChange,
    ) -> Result<StatementRow, StoreError> {
        self.check(scope)?;
        let locks = Locks::key(format!("statement {}", change.id));
        let carried = Arc::new((scope.clone(), change));
        self.transact(locks, move |connection| {
            let carried = carried.clone();
            Box::pin(async move { set_status(connection, &carried.0, &carried.1).await.map(End::Keep) })
        })
        .await
    }
}

async fn set_status(
    connection: &mut Connection,
    scope: &Scope,
    change: &StatementChange,
) -> Result<StatementRow, StoreError> {
    let refused = |code, detail: &str| StoreError::Refused(Box::new(Refusal::new(code, detail)));
    let Some(current) = read(connection, scope, change.id).await? else {
        return Err(refused(Code::NotFound, "there is no such statement"));
    };
    if current.version != change.expected_version {
        let refusal = Refusal::new(Code::StaleVersion, "the statement was changed by somebody else");
        let refusal = refusal.with("version", current.version).with("status", current.status.as_str());
        return Err(StoreError::Refused(Box::new(refusal)));
    }
    let number = match &change.number {
        Some(_) if current.number.is_some() => {
            return Err(refused(Code::StatementState, "the statement has a number already"));
        }
        Some(numbering) => {
            let number = counter::take(connection, &numbering.counter, 1).await?;
            Some((numbering.format)(number))
        }
        None => None,
    };
    let reached = match change.status {
        StatementStatus::Draft => "created_at",
        StatementStatus::Issued => "issued_at",
        StatementStatus::Confirmed => "confirmed_at",
        StatementStatus::Paid => "paid_at",
    };
    let mut sql = Sql::new(connection.dialect());
    sql.with("UPDATE statement SET version = version + 1, status = ?, ", vec![Datum::text(change.status.as_str())]);
    if change.status != StatementStatus::Draft {
        sql.push(reached).push(" = ").bind(Datum::Int(change.at.micros())).push(", ");
    }
    let binds =
        vec![Datum::optional_text(number.as_deref()), Datum::Id(change.id), Datum::Int(change.expected_version)];
    sql.with("number = coalesce(?, number) WHERE id = ? AND version = ?", binds);
    if connection.execute("changing a statement", sql).await? != 1 {
        return Err(refused(Code::StaleVersion, "the statement was changed by somebody else"));
    }
    read(connection, scope, change.id).await?.ok_or_else(|| refused(Code::NotFound, "there is no such statement"))
}

async fn read(connection: &mut Connection, scope: &Scope, id: Uuid) -> Result<Option<StatementRow>, StoreError> {
    let mut sql = Sql::new(connection.dialect());
    sql.push(SELECT);
    push_visible(&mut sql, scope, "s");
    sql.push(" AND s.id = ").bind(Datum::Id(id)).push(" GROUP BY s.seq");
    connection.row("reading a statement", sql, &KINDS).await?.map(decode).transpose()
}

fn decode(row: Vec<Datum>) -> Result<StatementRow, StoreError> {
    let mut row = Columns::of("statement", row);
    let (id, version) = (row.id()?, row.int()?);
    let key = StatementKey {
        statement: row.text()?,
        payer: row.party()?,
        payee: row.party()?,
        period: row.text()?.to_string(),
        currency: row.text()?,
    };
    Ok(StatementRow {
        id,
        version,
        key,
        ordinal: row.int()?,
        status: {
            let text = row.text()?;
            status_named(&text).ok_or_else(|| row.wrong(format!("`{text}` is no status")))?
        },
        number: row.optional_text().map(|text| text.to_string()),
        created_at: row.moment()?,
        issued_at: row.optional_int().map(Moment::from_micros),
        confirmed_at: row.optional_int().map(Moment::from_micros),
        paid_at: row.optional_int().map(Moment::from_micros),
        gross: row.amount()?,
        net: row.amount()?,
        tax: row.amount()?,
        lines: u64::try_from(row.int()?).unwrap_or(0),
    })
}

/// Opens statements.
pub(super) async fn insert(connection: &mut Connection, statements: &[NewStatement]) -> Result<(), StoreError> {
    let row = |statement: &NewStatement| {
        let key = &statement.key;
        vec![
            Datum::Id(statement.id),
            Datum::Int(1),
            Datum::Text(key.statement.clone()),
            Datum::Text(key.payer.object.clone()),
            Datum::Id(key.payer.id),
            Datum::Text(key.payee.object.clone()),
            Datum::Id(key.payee.id),
            Datum::text(&key.period),
            Datum::Text(key.currency.clone()),
            Datum::Int(statement.ordinal),
            Datum::text(statement.status.as_str()),
            Datum::Int(statement.at.micros()),
        ]
    };
    let into =
        "statement (id, version, definition, payer_object, payer, payee_object, payee, period, currency, ordinal,
                status, created_at)";
    insert_rows(connection, "opening statements", "", into, statements.iter().map(row).collect()).await
}

/// The newest statement under each key.
pub(super) async fn fetch_heads(
    connection: &mut Connection,
    wanted: &BTreeSet<StatementKey>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    facts.statements.extend(wanted.iter().map(|key| (key.clone(), None)));
    let payees: BTreeSet<Uuid> = wanted.iter().map(|key| key.payee.id).collect();
    let periods: BTreeSet<&str> = wanted.iter().map(|key| key.period.as_str()).collect();
    // A few more rows than asked for may come back; the keys decide. Later ordinals come later and win.
    let mut sql = Sql::new(connection.dialect());
    sql.push(
        "SELECT s.id, s.ordinal, s.status, s.definition, s.payer_object, s.payer, s.payee_object, s.payee, s.period,
         s.currency FROM statement AS s WHERE ",
    );
    sql.any_of("s.payee", Datum::Ids(payees.into_iter().collect())).push(" AND ");
    sql.any_of("s.period", Datum::Texts(periods.into_iter().map(Into::into).collect())).push(" ORDER BY s.ordinal");
    let kinds = [
        Kind::Id,
        Kind::Int,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Id,
        Kind::Text,
        Kind::Id,
        Kind::Text,
        Kind::Text,
    ];
    for row in connection.rows("reading newest statements", sql, &kinds).await? {
        let mut row = Columns::of("statement", row);
        let (id, ordinal, status) = (row.id()?, row.int()?, row.text()?);
        let status = status_named(&status).ok_or_else(|| row.wrong(format!("`{status}` is no status")))?;
        let key = StatementKey {
            statement: row.text()?,
            payer: row.party()?,
            payee: row.party()?,
            period: row.text()?.to_string(),
            currency: row.text()?,
        };
        if let Some(head) = facts.statements.get_mut(&key) {
            *head = Some(StatementHead { id, ordinal, status });
        }
    }
    Ok(())
}
