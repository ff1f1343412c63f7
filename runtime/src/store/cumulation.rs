//! What stands posted in cumulation groups: summed by day as lines are posted, so that a fact asks for what its group has
//! before it without reading every line of a large party.

use super::apply::upsert_rows;
use super::connection::Connection;
use super::line::{AMOUNT_SCALE, QUANTITY_SCALE, standing};
use super::sql::{Datum, Dialect, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::facts::{Cumulated, CumulationQuery, Facts};
use packwork_engine::model::Model;
use packwork_engine::moment::Date;
use packwork_engine::record::Name;
use packwork_engine::settlement::desired::Counts;
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::settle::{Behind, may_move};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The digest and period of a group, the plan, the day and the line.
type Day<'l> = (&'l Name, &'l Name, &'l Name, Date, &'l Name);

/// Adds posted lines to the days of their groups; one that takes another back has its amounts with the opposite sign. In the
/// order of the groups, so that nobody waits in a circle.
pub(super) async fn keep(connection: &mut Connection, lines: &[Line]) -> Result<(), StoreError> {
    let mut days: BTreeMap<Day<'_>, (Decimal, Decimal)> = BTreeMap::new();
    for line in lines {
        if let (Some(group), Some(period)) = (&line.group, &line.group_period) {
            let (quantity, gross) =
                days.entry((group, period, &line.plan, line.business_date, &line.line)).or_default();
            *quantity += line.quantity;
            *gross += line.gross;
        }
    }
    let row = |((group, period, plan, date, line), (quantity, gross)): (Day<'_>, (Decimal, Decimal))| {
        vec![
            Datum::Text(group.clone()),
            Datum::Text(period.clone()),
            Datum::Text(plan.clone()),
            Datum::Date(date),
            Datum::Text(line.clone()),
            Datum::Decimal(quantity, QUANTITY_SCALE),
            Datum::Decimal(gross, AMOUNT_SCALE),
        ]
    };
    let into = "cumulation_day (group_digest, group_period, plan, business_date, line, quantity, gross)";
    let met = "ON CONFLICT (group_digest, group_period, plan, business_date, line) DO UPDATE
               SET quantity = cumulation_day.quantity + excluded.quantity, gross = cumulation_day.gross + excluded.gross";
    upsert_rows(connection, "adding to groups", into, days.into_iter().map(row).collect(), met).await
}

impl Store {
    /// Adds up every group anew: they are made from posted lines alone.
    pub async fn renew_cumulation(&self, scope: &Scope) -> Result<(), StoreError> {
        self.check(scope)?;
        let renewed = self.transact(Locks::exclusive(), |connection| {
            Box::pin(async move {
                let dialect = connection.dialect();
                let forget = Sql::of(dialect, "DELETE FROM cumulation_day", vec![]);
                connection.execute("forgetting all groups", forget).await?;
                let text = format!(
                    "INSERT INTO cumulation_day (group_digest, group_period, plan, business_date, line, quantity, gross)
                     SELECT l.group_digest, l.group_period, l.plan, l.business_date, l.line, sum(l.quantity), sum(l.gross)
                     FROM settlement_line AS l WHERE {} AND l.group_digest IS NOT NULL AND l.group_period IS NOT NULL
                     GROUP BY l.group_digest, l.group_period, l.plan, l.business_date, l.line",
                    standing(dialect)
                );
                connection.execute("adding up all groups", Sql::of(dialect, &text, vec![])).await?;
                Ok(End::Keep(()))
            })
        });
        renewed.await
    }
}

/// What stands in groups before a place, and who stands behind it.
pub(super) async fn fetch(
    connection: &mut Connection,
    model: &Model,
    wanted: &BTreeSet<CumulationQuery>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let queries: Vec<&CumulationQuery> = wanted.iter().collect();
    let mut found = vec![Cumulated::default(); queries.len()];
    let dialect = connection.dialect();
    let of = |wants: fn(&CumulationQuery) -> bool| -> Vec<Json> {
        let asked = queries.iter().enumerate().filter(|(_, query)| wants(query));
        asked.map(|(place, query)| asked_for(place, query)).collect()
    };
    // Each query once, as a row `(place, counts, plan, line, group_digest, group_period, business_date, fact, schedule, currency,
    // until_date, until_fact)`.
    let table = match dialect {
        Dialect::Sqlite => {
            "WITH q AS MATERIALIZED (SELECT value ->> 6 AS place, value ->> 7 AS counts, value ->> 0 AS plan, value ->> 1 AS line,
             value ->> 2 AS group_digest, value ->> 3 AS group_period, value ->> 4 AS business_date,
             unhex(value ->> 5) AS fact, value ->> 8 AS schedule, value ->> 9 AS currency,
             value ->> 10 AS until_date, unhex(value ->> 11) AS until_fact FROM json_each(?)) "
        }
        Dialect::Postgres => {
            "WITH q AS MATERIALIZED (SELECT (value ->> 6)::bigint AS place, value ->> 7 AS counts, value ->> 0 AS plan, value ->> 1 AS line,
             value ->> 2 AS group_digest, value ->> 3 AS group_period, (value ->> 4)::date AS business_date,
             (value ->> 5)::uuid AS fact, value ->> 8 AS schedule, value ->> 9 AS currency,
             (value ->> 10)::date AS until_date, (value ->> 11)::uuid AS until_fact
             FROM jsonb_array_elements(?) AS asked(value)) "
        }
    };
    let stands = standing(dialect);
    let of_group = |alias: &str| {
        format!(
            "{alias}.group_digest = q.group_digest AND {alias}.group_period = q.group_period AND {alias}.plan = q.plan
             AND ({alias}.line = q.line
                  OR (q.counts = 'amount' AND substr({alias}.line, 1, length(q.line) + 1) = q.line || '.'))"
        )
    };
    let (of_day, of_group) = (of_group("d"), of_group("l"));
    let text = format!(
        "{table} SELECT place, sum(quantity), sum(gross), sum(within) FROM
         (SELECT q.place, d.quantity, d.gross, 0 AS within FROM q JOIN cumulation_day AS d
          ON {of_day} AND d.business_date < q.business_date
          UNION ALL
          SELECT q.place, l.quantity, l.gross, 0 FROM q JOIN settlement_line AS l
          ON {stands} AND {of_group} AND l.business_date = q.business_date AND l.fact < q.fact
          UNION ALL
          SELECT q.place, 0, 0, 1 FROM q JOIN settlement_line AS l
          ON q.until_date IS NOT NULL AND {stands} AND {of_group}
          AND (l.business_date, l.fact) >= (q.business_date, q.fact)
          AND (l.business_date, l.fact) <= (q.until_date, q.until_fact)) AS found
         GROUP BY place"
    );
    let sql = Sql::of(dialect, &text, vec![Datum::json(&of(|_| true))]);
    let kinds = [Kind::Int, Kind::Decimal(QUANTITY_SCALE), Kind::Decimal(AMOUNT_SCALE), Kind::Int];
    for row in connection.rows("adding up groups", sql, &kinds).await? {
        if let [Datum::Int(place), Datum::Decimal(quantity, _), Datum::Decimal(gross, _), Datum::Int(within)] = &row[..]
            && let Some(place) = usize::try_from(*place).ok().filter(|place| *place < queries.len())
        {
            found[place].sum = match queries[place].counts {
                Counts::Quantity => quantity.normalize(),
                Counts::Amount => gross.normalize(),
            };
            found[place].within = usize::try_from(*within).unwrap_or_default();
        }
    }
    let charged = of(|query| query.charged_by.is_some());
    if !charged.is_empty() {
        let text = format!(
            "{table} SELECT q.place, sum(CASE WHEN l.tax_kind = 'exclusive' THEN l.net ELSE l.gross END)
             FROM q JOIN settlement_line AS l ON {stands} AND {of_group}
             WHERE EXISTS (SELECT 1 FROM settlement_line AS r WHERE r.corrects IS NOT NULL AND r.reverses IS NOT NULL
             AND r.group_digest = q.group_digest AND r.group_period = q.group_period AND r.plan = q.plan AND r.line = q.line)
             GROUP BY q.place HAVING count(*) = sum(CASE WHEN l.trace -> 'price' ->> 'schedule' = q.schedule AND l.currency = q.currency THEN 1 ELSE 0 END)"
        );
        let sql = Sql::of(dialect, &text, vec![Datum::json(&charged)]);
        for row in connection
            .rows("adding up what groups were charged", sql, &[Kind::Int, Kind::Decimal(AMOUNT_SCALE)])
            .await?
        {
            if let [Datum::Int(place), Datum::Decimal(amount, _)] = &row[..]
                && let Some(found) = usize::try_from(*place).ok().and_then(|place| found.get_mut(place))
            {
                found.charged = Some(amount.normalize());
            }
        }
    }
    let later = of(|query| query.later.is_some() && query.before.is_some());
    if !later.is_empty() {
        let text = format!(
            "{table} SELECT q.place, l.fact, l.quantity, l.trace -> 'price' ->> 'schedule' FROM q JOIN settlement_line AS l
             ON {stands} AND {of_group} AND (l.business_date, l.fact) > (q.business_date, q.fact)
             ORDER BY q.place, l.business_date, l.fact, l.seq"
        );
        let sql = Sql::of(dialect, &text, vec![Datum::json(&later)]);
        let kinds = [Kind::Int, Kind::Id, Kind::Decimal(QUANTITY_SCALE), Kind::Text];
        let mut behind: BTreeMap<usize, Vec<Behind>> = BTreeMap::new();
        for row in connection.rows("looking for later facts", sql, &kinds).await? {
            if let [Datum::Int(place), Datum::Id(fact), Datum::Decimal(quantity, _), schedule] = &row[..]
                && let Ok(place) = usize::try_from(*place)
            {
                let schedule = if let Datum::Text(schedule) = schedule { Some(schedule.clone()) } else { None };
                behind.entry(place).or_default().push(Behind { fact: *fact, quantity: *quantity, schedule });
            }
        }
        for (place, behind) in behind {
            if let (Some(query), Some(found)) = (queries.get(place), found.get_mut(place)) {
                found.later = may_move(model, query, found.sum, &behind);
            }
        }
    }
    facts.cumulated.extend(queries.into_iter().cloned().zip(found));
    Ok(())
}

fn asked_for(place: usize, query: &CumulationQuery) -> Json {
    // Without a place in the order everything counts: the place after all others.
    let (date, fact) = match query.before {
        Some((date, fact)) => (date, fact),
        None => (packwork_engine::moment::Date::MAX, Uuid::max()),
    };
    let fact = fact.simple().to_string();
    let counts = if query.counts == Counts::Amount { "amount" } else { "quantity" };
    let (schedule, currency) = query.charged_by.as_ref().map(|(schedule, currency)| (&**schedule, &**currency)).unzip();
    let until = query.until.map(|(date, fact)| (date.to_string(), fact.simple().to_string())).unzip();
    json!([
        &*query.plan,
        &*query.line,
        query.group,
        query.period,
        date.to_string(),
        fact,
        place,
        counts,
        schedule,
        currency,
        until.0,
        until.1
    ])
}
