//! Settlement periods: what was posted in them, and which are closed.

use super::connection::Connection;
use super::line::{AMOUNT_SCALE, Columns, push_visible};
use super::list::count_of;
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Totals of one period in one currency; closed periods without lines have none.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodRow {
    pub period: String,
    pub currency: Option<Name>,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub lines: u64,
    pub closed: Option<ClosedPeriod>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedPeriod {
    pub at: Moment,
    pub by: Option<Uuid>,
}

/// What must hold for a period to close, checked in the closing transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CloseChecks {
    /// The plans of the calendar: none of them has an active or partial newest run for the period.
    pub plans: Vec<Name>,
    /// The statement definitions of the calendar: none of them has a draft for the period.
    pub statements: Vec<Name>,
}

impl Store {
    /// Newest first; a period with lines in several currencies has a row for each. `plans` are those of the calendar.
    pub async fn periods(&self, scope: &Scope, calendar: &str, plans: &[Name]) -> Result<Vec<PeriodRow>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut closed = closed(&mut connection, calendar).await?;
        let mut sql = Sql::new(connection.dialect());
        sql.push(
            "SELECT l.period, l.currency, sum(l.gross), sum(l.net), sum(l.tax), count(*) FROM settlement_line AS l
             WHERE ",
        );
        push_visible(&mut sql, scope, "l");
        sql.push(" AND ").any_of("l.plan", Datum::Texts(plans.to_vec())).push(" GROUP BY 1, 2 ORDER BY 1 DESC, 2");
        let amount = Kind::Decimal(AMOUNT_SCALE);
        let kinds = [Kind::Text, Kind::Text, amount, amount, amount, Kind::Int];
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for row in connection.rows("adding up periods", sql, &kinds).await? {
            let mut row = Columns::of("settlement_line", row);
            let period = row.text()?.to_string();
            seen.insert(period.clone());
            found.push(PeriodRow {
                closed: closed.get(&period).copied(),
                period,
                currency: Some(row.text()?),
                gross: row.amount()?,
                net: row.amount()?,
                tax: row.amount()?,
                lines: u64::try_from(row.int()?).unwrap_or(0),
            });
        }
        closed.retain(|period, _| !seen.contains(period));
        found.extend(closed.into_iter().map(|(period, closed)| PeriodRow {
            period,
            currency: None,
            gross: Decimal::new(0, 2),
            net: Decimal::new(0, 2),
            tax: Decimal::new(0, 2),
            lines: 0,
            closed: Some(closed),
        }));
        found.sort_by(|a, b| b.period.cmp(&a.period).then_with(|| a.currency.cmp(&b.currency)));
        Ok(found)
    }

    /// Refused with `period_closed` when it is closed already, `period_not_ready` when a check fails.
    pub async fn close_period(
        &self,
        scope: &Scope,
        calendar: &str,
        period: &str,
        at: Moment,
        checks: &CloseChecks,
    ) -> Result<(), StoreError> {
        self.check(scope)?;
        let locks = Locks::key(posting_lock(calendar));
        let closing = Closing {
            calendar: calendar.to_owned(),
            period: period.to_owned(),
            closed: ClosedPeriod { at, by: scope.actor.id },
            checks: checks.clone(),
        };
        let closing = Arc::new(closing);
        self.transact(locks, move |connection| {
            let closing = closing.clone();
            Box::pin(async move { close(connection, &closing).await.map(End::Keep) })
        })
        .await
    }
}

/// The lock key of posting into a calendar's periods: closing takes it too, so that nothing slips in while it closes.
pub fn posting_lock(calendar: &str) -> String {
    format!("posting/{calendar}")
}

struct Closing {
    calendar: String,
    period: String,
    closed: ClosedPeriod,
    checks: CloseChecks,
}

async fn close(connection: &mut Connection, closing: &Closing) -> Result<(), StoreError> {
    let refused = |code, detail: String| {
        let refusal = Refusal::new(code, detail).with("period", closing.period.as_str());
        Err(StoreError::Refused(Box::new(refusal)))
    };
    if closed(connection, &closing.calendar).await?.contains_key(&closing.period) {
        return refused(Code::PeriodClosed, format!("`{}` is closed already", closing.period));
    }
    let dialect = connection.dialect();
    let mut sql = Sql::new(dialect);
    // The newest run of each plan decides.
    sql.push("SELECT r.plan, r.status FROM settlement_run AS r WHERE r.period = ").bind(Datum::text(&closing.period));
    sql.push(" AND ").any_of("r.plan", Datum::Texts(closing.checks.plans.clone()));
    sql.push(" AND NOT EXISTS (SELECT 1 FROM settlement_run AS later WHERE later.plan = r.plan");
    sql.push(" AND later.period = r.period AND (later.started_at, later.id) > (r.started_at, r.id))");
    sql.push(" AND r.status <> 'done' ORDER BY r.plan");
    let open = connection.rows("checking runs", sql, &[Kind::Text, Kind::Text]).await?;
    if let Some([Datum::Text(plan), Datum::Text(status)]) = open.first().map(|row| &row[..]) {
        return refused(Code::PeriodNotReady, format!("the newest run of `{plan}` is {status}"));
    }
    let mut sql = Sql::new(dialect);
    sql.push("SELECT count(*) FROM statement WHERE status = 'draft' AND period = ").bind(Datum::text(&closing.period));
    sql.push(" AND ").any_of("definition", Datum::Texts(closing.checks.statements.clone()));
    let drafts = count_of(connection.row("checking statements", sql, &[Kind::Int]).await?)?;
    if drafts > 0 {
        return refused(Code::PeriodNotReady, format!("{drafts} statements are still drafts"));
    }
    let sql = Sql::of(
        dialect,
        "INSERT INTO period_closed (calendar, period, at, closed_by) VALUES (?, ?, ?, ?)",
        vec![
            Datum::text(&closing.calendar),
            Datum::text(&closing.period),
            Datum::Int(closing.closed.at.micros()),
            Datum::optional_id(closing.closed.by),
        ],
    );
    connection.execute("closing a period", sql).await.map(|_| ())
}

async fn closed(connection: &mut Connection, calendar: &str) -> Result<BTreeMap<String, ClosedPeriod>, StoreError> {
    let sql = Sql::of(
        connection.dialect(),
        "SELECT period, at, closed_by FROM period_closed WHERE calendar = ?",
        vec![Datum::text(calendar)],
    );
    let rows = connection.rows("reading closed periods", sql, &[Kind::Text, Kind::Int, Kind::Id]).await?;
    let read = |row| {
        let mut row = Columns::of("period_closed", row);
        Ok((row.text()?.to_string(), ClosedPeriod { at: row.moment()?, by: row.optional_id() }))
    };
    rows.into_iter().map(read).collect()
}

/// The names of a calendar's closed periods.
pub(super) async fn closed_names(connection: &mut Connection, calendar: &str) -> Result<BTreeSet<String>, StoreError> {
    Ok(closed(connection, calendar).await?.into_keys().collect())
}
