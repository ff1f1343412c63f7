//! Sums of lines by their dimensions, over all that was ever posted: what was taken back adds up to nothing.

use super::column::typed_value;
use super::line::{AMOUNT_SCALE, Columns, push_visible};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::record::Name;
use packwork_engine::settlement::attribution::Amounts;
use packwork_engine::value::Value;

/// Lines of one kind and one combination of dimensions, added up.
#[derive(Clone, Debug, PartialEq)]
pub struct LineSum {
    pub plan: Name,
    pub line: Name,
    pub fact_object: Name,
    pub currency: Name,
    /// The dimensions asked for, in their order; null where a line has none.
    pub dimensions: Vec<Value>,
    pub amounts: Amounts,
}

impl Store {
    /// Sums of a period's lines, or of all.
    pub async fn sums_of_lines(
        &self,
        scope: &Scope,
        by: &[String],
        period: Option<&str>,
    ) -> Result<Vec<LineSum>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let mut sql = Sql::new(dialect);
        sql.push("SELECT l.plan, l.line, l.fact_object, l.currency");
        let mut kinds = vec![Kind::Text; 4];
        for name in by {
            sql.push(", ").push(&dialect.json_member("l.dimensions", name));
            kinds.push(Kind::Json);
        }
        sql.push(", sum(l.gross), sum(l.net), sum(l.tax) FROM settlement_line AS l WHERE ");
        let columns = kinds.len();
        kinds.extend([Kind::Decimal(AMOUNT_SCALE); 3]);
        push_visible(&mut sql, scope, "l");
        if let Some(period) = period {
            sql.push(" AND l.period = ").bind(Datum::text(period));
        }
        let places: Vec<String> = (1..=columns).map(|column| column.to_string()).collect();
        let places = places.join(", ");
        sql.push(" GROUP BY ").push(&places).push(" ORDER BY ").push(&places);
        let rows = connection.rows("adding up lines", sql, &kinds).await?;
        let read = |row| {
            let mut row = Columns::of("settlement_line", row);
            let (plan, line, fact_object, currency) = (row.text()?, row.text()?, row.text()?, row.text()?);
            let mut dimensions = Vec::with_capacity(by.len());
            for _ in by {
                dimensions.push(match row.next() {
                    Datum::Json(text) => {
                        let json = serde_json::from_str(&text).map_err(|error| row.wrong(error.to_string()))?;
                        typed_value(&json).map_err(|cause| row.wrong(cause))?
                    }
                    _ => Value::Null,
                });
            }
            let amounts = Amounts { gross: row.amount()?, net: row.amount()?, tax: row.amount()? };
            Ok(LineSum { plan, line, fact_object, currency, dimensions, amounts })
        };
        rows.into_iter().map(read).collect()
    }
}
