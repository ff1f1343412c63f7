//! Making totals anew: for a rollup that is new or depends on something else than before, in the transaction that
//! publishes it, and for the doctor.

use super::total::{Made, Rolled, set_values};
use super::{average, refusal, too_long};
use crate::store::aggregate::overflow;
use crate::store::connection::Connection;
use crate::store::line::Columns;
use crate::store::sql::{Datum, Dialect, Kind, Sql};
use crate::store::tables::{Lock, Planned, Step};
use crate::store::transaction::{End, Locks};
use crate::store::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Averages that are made at once.
const PAGE: usize = 2_000;

/// A rollup whose totals may have to be made, with what makes them on either database.
pub(crate) struct Filling {
    key: Name,
    object: String,
    field: String,
    /// The object whose records count.
    pub(crate) of: String,
    form: String,
    made: Made,
    scale: u32,
    digits: u32,
    sqlite: Sql,
    postgres: Sql,
}

/// Every rollup over records that refer.
pub(crate) fn fillings(model: &Model) -> Result<Vec<Filling>, StoreError> {
    let mut fillings = Vec::new();
    for object in model.objects.values().filter(|object| object.has_totals) {
        for slot in 0..object.fields.len() {
            let Some(rollup) = Rolled::of(model, object, slot) else { continue };
            fillings.push(Filling {
                key: rollup.children.key.clone(),
                object: object.name.to_string(),
                field: object.fields[slot].name.to_string(),
                of: rollup.children.object.to_string(),
                form: rollup.form(),
                made: rollup.made,
                scale: rollup.scale,
                digits: rollup.digits,
                sqlite: filling(&rollup, model, Dialect::Sqlite)?,
                postgres: filling(&rollup, model, Dialect::Postgres)?,
            });
        }
    }
    Ok(fillings)
}

fn filling(rollup: &Rolled<'_>, model: &Model, dialect: Dialect) -> Result<Sql, StoreError> {
    let mut sql = rollup.sql(dialect, model)?;
    sql.push("INSERT INTO child_total (rollup, parent, records, filled, total, value) SELECT '");
    sql.push(&rollup.children.key).push("', ");
    rollup.push_columns(&mut sql);
    rollup.push_counting(&mut sql, model)?;
    rollup.push_grouped(&mut sql);
    Ok(sql)
}

impl Filling {
    /// Making its totals, as a step of a plan: nobody writes what counts meanwhile.
    pub(crate) fn step(&self, rows: u64) -> Planned {
        let step = Step::MakeTotals { object: self.object.clone(), field: self.field.clone(), of: self.of.clone() };
        Planned { step, rows, lock: Lock::Reading, back_fill: false }
    }
}

/// What the totals that stand depend on.
async fn forms(connection: &mut Connection) -> Result<BTreeMap<Name, Name>, StoreError> {
    let sql = Sql::of(connection.dialect(), "SELECT rollup, form FROM child_rollup", vec![]);
    let mut standing = BTreeMap::new();
    for row in connection.rows("reading which totals are made", sql, &[Kind::Text, Kind::Text]).await? {
        let mut row = Columns::of("child_rollup", row);
        standing.insert(row.text()?, row.text()?);
    }
    Ok(standing)
}

/// Those whose totals are to be made.
pub(crate) async fn waiting<'f>(
    connection: &mut Connection,
    fillings: &'f [Filling],
) -> Result<Vec<&'f Filling>, StoreError> {
    let standing = forms(connection).await?;
    let made = |filling: &&Filling| standing.get(&filling.key).map(|form| &**form) == Some(&*filling.form);
    Ok(fillings.iter().filter(|filling| !made(filling)).collect())
}

/// Makes the totals of rollups that are new or depend on something else than before, and forgets those that are gone.
pub(crate) async fn fill(connection: &mut Connection, fillings: &[Filling]) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let mut standing = forms(connection).await?;
    for filling in fillings {
        let former = standing.remove(&filling.key);
        if former.as_deref() == Some(&*filling.form) {
            continue;
        }
        if former.is_some() {
            forget(connection, &filling.key).await?;
        }
        let text = "INSERT INTO child_rollup (rollup, form) VALUES (?, ?)";
        let binds = vec![Datum::Text(filling.key.clone()), Datum::text(&filling.form)];
        connection.execute("noting a rollup", Sql::of(dialect, text, binds)).await?;
        let sql = if dialect == Dialect::Sqlite { &filling.sqlite } else { &filling.postgres };
        connection.execute("making totals", sql.clone()).await.map_err(overflow)?;
        if filling.made == Made::Average {
            fill_averages(connection, filling).await?;
        }
    }
    for key in standing.keys() {
        forget(connection, key).await?;
    }
    Ok(())
}

async fn forget(connection: &mut Connection, key: &Name) -> Result<(), StoreError> {
    for text in ["DELETE FROM child_total WHERE rollup = ?", "DELETE FROM child_rollup WHERE rollup = ?"] {
        let sql = Sql::of(connection.dialect(), text, vec![Datum::Text(key.clone())]);
        connection.execute("forgetting the totals of a rollup", sql).await?;
    }
    Ok(())
}

/// Averages are rounded as everywhere, which no database does for us.
async fn fill_averages(connection: &mut Connection, filling: &Filling) -> Result<(), StoreError> {
    let mut last: Option<Uuid> = None;
    loop {
        let text = "SELECT parent, filled, total FROM child_total WHERE filled > 0 AND rollup = ?";
        let mut sql = Sql::of(connection.dialect(), text, vec![Datum::Text(filling.key.clone())]);
        if let Some(last) = last {
            sql.push(" AND parent > ").bind(Datum::Id(last));
        }
        sql.push(" ORDER BY parent LIMIT ").number(PAGE);
        let kinds = [Kind::Id, Kind::Int, Kind::Decimal(filling.scale)];
        let mut values = BTreeMap::new();
        for row in connection.rows("reading sums for averages", sql, &kinds).await? {
            if let [Datum::Id(parent), Datum::Int(filled), Datum::Decimal(total, _)] = &row[..] {
                values.insert(*parent, average(*total, *filled, filling.digits));
            }
        }
        if values.values().flatten().any(|value| too_long(*value, filling.digits)) {
            return Err(StoreError::Refused(Box::new(refusal(&filling.key))));
        }
        set_values(connection, &filling.key, filling.digits, &values).await?;
        last = values.keys().next_back().copied();
        if values.len() < PAGE {
            return Ok(());
        }
    }
}

impl Store {
    /// Forgets every total and makes them anew: they are made from records alone.
    pub async fn renew_totals(&self, scope: &Scope, model: &Model) -> Result<(), StoreError> {
        self.check(scope)?;
        let fillings = Arc::new(fillings(model)?);
        self.transact(Locks::exclusive(), move |connection| {
            let fillings = fillings.clone();
            Box::pin(async move {
                for text in ["DELETE FROM child_total", "DELETE FROM child_rollup"] {
                    let sql = Sql::of(connection.dialect(), text, vec![]);
                    connection.execute("forgetting all totals", sql).await?;
                }
                fill(connection, &fillings).await?;
                Ok(End::Keep(()))
            })
        })
        .await
    }
}
