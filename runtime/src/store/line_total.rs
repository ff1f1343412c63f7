//! Sums over lines: for dashboards, and how far facts are settled.

use super::column::typed_value;
use super::line::{AMOUNT_SCALE, Columns, push_visible, standing};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::record::Name;
use packwork_engine::settlement::line::StatementStatus;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What line totals are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineGroup {
    Dimension(String),
    Plan,
    Period,
    Payer,
    Payee,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineMeasure {
    Gross,
    Net,
    Tax,
    /// Standing lines.
    Count,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LineTotal {
    /// Null for lines without the dimension.
    pub group: Value,
    pub currency: Name,
    pub value: Decimal,
}

/// How far a fact is settled: its standing lines, by the status of the statement they are on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FactStatus {
    pub lines: u64,
    /// How many of them are on statements of which status; `None`: on no statement.
    pub statuses: Vec<(Option<StatementStatus>, u64)>,
    /// `(gross, net, tax)` by currency.
    pub sums: BTreeMap<Name, (Decimal, Decimal, Decimal)>,
}

const AMOUNT: Kind = Kind::Decimal(AMOUNT_SCALE);

impl Store {
    /// Sums of all lines, charges and what takes them back, by group and currency.
    pub async fn line_totals(
        &self,
        scope: &Scope,
        group: &LineGroup,
        measure: LineMeasure,
        period: Option<&str>,
    ) -> Result<Vec<LineTotal>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let (by, by_kind) = match group {
            LineGroup::Dimension(name) => (dialect.json_member("l.dimensions", name), Kind::Json),
            LineGroup::Plan => ("l.plan".into(), Kind::Text),
            LineGroup::Period => ("l.period".into(), Kind::Text),
            LineGroup::Payer => ("l.payer".into(), Kind::Id),
            LineGroup::Payee => ("l.payee".into(), Kind::Id),
        };
        let (of, kind) = match measure {
            LineMeasure::Gross => ("sum(l.gross)", AMOUNT),
            LineMeasure::Net => ("sum(l.net)", AMOUNT),
            LineMeasure::Tax => ("sum(l.tax)", AMOUNT),
            LineMeasure::Count => ("count(*)", Kind::Int),
        };
        let mut sql = Sql::new(dialect);
        sql.push(&format!("SELECT {by}, l.currency, {of} FROM settlement_line AS l WHERE "));
        push_visible(&mut sql, scope, "l");
        if measure == LineMeasure::Count {
            sql.push(" AND ").push(standing(dialect));
        }
        if let Some(period) = period {
            sql.push(" AND l.period = ").bind(Datum::text(period));
        }
        sql.push(" GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2");
        let rows = connection.rows("adding up lines", sql, &[by_kind, Kind::Text, kind]).await?;
        let mut totals = Vec::with_capacity(rows.len());
        for row in rows {
            let mut row = Columns::of("settlement_line", row);
            let group = match row.next() {
                Datum::Text(text) => Value::Text(text),
                Datum::Id(id) => Value::Id(id),
                Datum::Json(text) => {
                    let json = serde_json::from_str(&text).map_err(|error| row.wrong(error.to_string()))?;
                    typed_value(&json).map_err(|cause| row.wrong(cause))?
                }
                _ => Value::Null,
            };
            let currency = row.text()?;
            let value = if kind == Kind::Int { Decimal::from(row.int()?) } else { row.amount()? };
            totals.push(LineTotal { group, currency, value });
        }
        Ok(totals)
    }

    /// Facts without standing lines are absent.
    pub async fn fact_status(
        &self,
        scope: &Scope,
        object: &str,
        facts: &[Uuid],
    ) -> Result<BTreeMap<Uuid, FactStatus>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let mut sql = Sql::new(dialect);
        sql.push(
            "SELECT l.fact, s.status, l.currency, count(*), sum(l.gross), sum(l.net), sum(l.tax)
             FROM settlement_line AS l LEFT JOIN statement AS s ON s.id = l.statement WHERE ",
        );
        push_visible(&mut sql, scope, "l");
        sql.push(" AND ").push(standing(dialect)).push(" AND l.fact_object = ").bind(Datum::text(object)).push(" AND ");
        sql.any_of("l.fact", Datum::Ids(facts.to_vec())).push(" GROUP BY 1, 2, 3 ORDER BY 1, 2 NULLS FIRST, 3");
        let kinds = [Kind::Id, Kind::Text, Kind::Text, Kind::Int, AMOUNT, AMOUNT, AMOUNT];
        let mut found: BTreeMap<Uuid, FactStatus> = BTreeMap::new();
        for row in connection.rows("reading how far facts are settled", sql, &kinds).await? {
            let mut row = Columns::of("settlement_line", row);
            let status = found.entry(row.id()?).or_default();
            let on = match row.optional_text() {
                Some(text) => {
                    Some(StatementStatus::named(&text).ok_or_else(|| row.wrong(format!("no status: {text}")))?)
                }
                None => None,
            };
            let currency = row.text()?;
            let count = u64::try_from(row.int()?).unwrap_or(0);
            let (gross, net, tax) = (row.amount()?, row.amount()?, row.amount()?);
            status.lines += count;
            match status.statuses.iter_mut().find(|(known, _)| *known == on) {
                Some((_, known)) => *known += count,
                None => status.statuses.push((on, count)),
            }
            let sum = status.sums.entry(currency).or_default();
            *sum = (sum.0 + gross, sum.1 + net, sum.2 + tax);
        }
        Ok(found)
    }
}
