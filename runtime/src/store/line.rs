//! Settlement lines: posted, taken back, read. Posted lines never change, but for whether they still stand and which
//! statement they are on.

use super::apply::insert_many;
use super::column::{typed_json, typed_value};
use super::connection::Connection;
use super::sql::{Datum, Dialect, Kind, Sql, scaled};
use super::{Scope, Store, StoreError, cumulation, dispute};
use packwork_engine::codes::Code;
use packwork_engine::definition::role::SettlementRead;
use packwork_engine::facts::Facts;
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::{Line, Party, TaxTreatment};
use packwork_engine::settlement::plan::rounds_a_statement;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Digits after the point of stored amounts: no currency has more.
pub(super) const AMOUNT_SCALE: u32 = 4;
/// Digits after the point of stored quantities and rates.
pub(super) const QUANTITY_SCALE: u32 = 6;
/// Amounts are shown with at least this many digits after the point.
const AMOUNT_SCALE_MIN: u32 = 2;

/// A line as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredLine {
    /// Place in the tenant's ledger; later lines have greater ones.
    pub seq: i64,
    /// A charge that no line takes back.
    pub standing: bool,
    pub line: Line,
}

/// Which lines; what is `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineQuery {
    pub plan: Option<Name>,
    pub period: Option<String>,
    /// Payer or payee.
    pub party: Option<Uuid>,
    pub fact: Option<Uuid>,
    pub statement: Option<Uuid>,
    pub run: Option<Uuid>,
    /// Only charges that no line takes back.
    pub standing: bool,
    /// `seq` of the last line of the former page.
    pub after: Option<i64>,
    pub limit: u32,
}

const COLUMNS: &[(&str, Kind)] = &[
    ("id", Kind::Id),
    ("plan", Kind::Text),
    ("line", Kind::Text),
    ("fact_object", Kind::Text),
    ("fact", Kind::Id),
    ("payer_object", Kind::Text),
    ("payer", Kind::Id),
    ("payee_object", Kind::Text),
    ("payee", Kind::Id),
    ("business_date", Kind::Date),
    ("period", Kind::Text),
    ("service_period", Kind::Text),
    ("corrects", Kind::Text),
    ("reverses", Kind::Id),
    ("group_digest", Kind::Text),
    ("group_period", Kind::Text),
    ("quantity", Kind::Decimal(QUANTITY_SCALE)),
    ("gross", Kind::Decimal(AMOUNT_SCALE)),
    ("net", Kind::Decimal(AMOUNT_SCALE)),
    ("tax", Kind::Decimal(AMOUNT_SCALE)),
    ("tax_rate", Kind::Decimal(QUANTITY_SCALE)),
    ("tax_kind", Kind::Text),
    ("currency", Kind::Text),
    ("dimensions", Kind::Json),
    ("trace", Kind::Json),
    ("statement", Kind::Id),
    ("run", Kind::Id),
    ("posted_at", Kind::Int),
    ("standing", Kind::Bool),
];

fn column_names(alias: &str) -> String {
    COLUMNS.iter().map(|(name, _)| format!("{alias}{name}")).collect::<Vec<_>>().join(", ")
}

/// `SELECT seq, …` of lines, and the kinds of its columns.
pub(super) fn select() -> (String, Vec<Kind>) {
    select_more("", "")
}

/// The same with more columns after those of the line, from what is joined.
pub(super) fn select_more(columns: &str, join: &str) -> (String, Vec<Kind>) {
    let kinds = std::iter::once(Kind::Int).chain(COLUMNS.iter().map(|(_, kind)| *kind)).collect();
    (format!("SELECT l.seq, {}{columns} FROM settlement_line AS l {join} WHERE ", column_names("l.")), kinds)
}

/// A condition that holds for lines that stand; in the words of the partial index.
pub(super) fn standing(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "l.standing = 1",
        Dialect::Postgres => "l.standing",
    }
}

/// Appends the caller's right to see lines or statements: everything, those of their own party, or nothing.
pub(super) fn push_visible(sql: &mut Sql, scope: &Scope, alias: &str) {
    let party = scope.actor.fields.get("partner").and_then(Value::as_id);
    match (scope.rights.settlement_read(), party) {
        (SettlementRead::All, _) => sql.push("TRUE"),
        (SettlementRead::Party, Some(party)) => {
            let binds = vec![Datum::Id(party), Datum::Id(party)];
            sql.with(&format!("({alias}.payer = ? OR {alias}.payee = ?)"), binds)
        }
        (SettlementRead::Party, None) | (SettlementRead::None, _) => sql.push("FALSE"),
    };
}

impl Store {
    /// Lines in the order they were posted.
    pub async fn lines(&self, scope: &Scope, query: &LineQuery) -> Result<Vec<StoredLine>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let (text, kinds) = select();
        let mut sql = Sql::new(connection.dialect());
        sql.push(&text);
        push_visible(&mut sql, scope, "l");
        let texts = [("plan", query.plan.as_deref()), ("period", query.period.as_deref())];
        for (name, text) in texts {
            if let Some(text) = text {
                sql.push(" AND l.").push(name).push(" = ").bind(Datum::text(text));
            }
        }
        let ids = [("fact", query.fact), ("statement", query.statement), ("run", query.run)];
        for (name, id) in ids {
            if let Some(id) = id {
                sql.push(" AND l.").push(name).push(" = ").bind(Datum::Id(id));
            }
        }
        if let Some(party) = query.party {
            sql.with(" AND (l.payer = ? OR l.payee = ?)", vec![Datum::Id(party), Datum::Id(party)]);
        }
        if query.standing {
            let condition = standing(sql.dialect);
            sql.push(" AND ").push(condition);
        }
        if let Some(after) = query.after {
            sql.push(" AND l.seq > ").bind(Datum::Int(after));
        }
        sql.push(" ORDER BY l.seq LIMIT ").bind(Datum::Int(i64::from(query.limit)));
        let rows = connection.rows("listing lines", sql, &kinds).await?;
        rows.into_iter().map(decode).collect()
    }

    pub async fn line(&self, scope: &Scope, id: Uuid) -> Result<Option<StoredLine>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let (text, kinds) = select();
        let mut sql = Sql::new(connection.dialect());
        sql.push(&text);
        push_visible(&mut sql, scope, "l");
        sql.push(" AND l.id = ").bind(Datum::Id(id));
        connection.row("reading a line", sql, &kinds).await?.map(decode).transpose()
    }
}

/// Posts lines. A line that takes another back ends its standing; none can be taken back twice.
pub(super) async fn insert(connection: &mut Connection, lines: &[Line]) -> Result<Option<Refusal>, StoreError> {
    if lines.is_empty() {
        return Ok(None);
    }
    let takers: BTreeMap<Uuid, &Line> =
        lines.iter().filter(|line| line.takes_back()).filter_map(|line| Some((line.reverses?, line))).collect();
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let stands = !line.takes_back() && !takers.contains_key(&line.id);
        match encode(line, stands) {
            Ok(row) => rows.push(row),
            Err(refusal) => return Ok(Some(refusal)),
        }
    }
    let of_this_unit: BTreeSet<Uuid> = lines.iter().map(|line| line.id).collect();
    let before: Vec<Uuid> = takers.keys().filter(|id| !of_this_unit.contains(id)).copied().collect();
    if !before.is_empty() {
        let dialect = connection.dialect();
        let expected = before.len() as u64;
        let (no, yes) = match dialect {
            Dialect::Sqlite => ("0", "1"),
            Dialect::Postgres => ("FALSE", "TRUE"),
        };
        let mut sql = Sql::new(dialect);
        sql.push("UPDATE settlement_line SET standing = ").push(no).push(" WHERE standing = ").push(yes).push(" AND ");
        sql.any_of("id", Datum::Ids(before.clone()));
        if connection.execute("taking lines back", sql).await? != expected {
            let detail = "a line that was to be taken back does not stand any more";
            return Ok(Some(Refusal::new(Code::StaleVersion, detail)));
        }
        dispute::settle_by(connection, &before, &takers).await?;
    }
    let into = format!("settlement_line ({})", column_names(""));
    insert_many(connection, "posting lines", &into, rows).await?;
    cumulation::keep(connection, lines).await?;
    super::rate_use::keep(connection, lines).await?;
    Ok(None)
}

/// A number as a column of this scale keeps it; refused where digits would be lost.
pub(super) fn stored_number(what: &str, number: Decimal, scale: u32) -> Result<Datum, Refusal> {
    if number.normalize().scale() > scale {
        let detail = format!("`{what}` {number} has more than {scale} digits after the point");
        return Err(Refusal::new(Code::TooManyDigits, detail).with("scale", scale));
    }
    match scaled(number, scale) {
        Some(digits) if digits.unsigned_abs() < 10_u64.pow(18) => Ok(Datum::Decimal(number, scale)),
        _ => Err(Refusal::new(Code::AmountOverflow, format!("`{what}` {number} has more than 18 digits"))),
    }
}

fn encode(line: &Line, stands: bool) -> Result<Vec<Datum>, Refusal> {
    let dimensions: serde_json::Map<String, Json> =
        line.dimensions.iter().map(|(name, value)| (name.to_string(), typed_json(value))).collect();
    Ok(vec![
        Datum::Id(line.id),
        Datum::Text(line.plan.clone()),
        Datum::Text(line.line.clone()),
        Datum::Text(line.fact_object.clone()),
        Datum::Id(line.fact),
        Datum::Text(line.payer.object.clone()),
        Datum::Id(line.payer.id),
        Datum::Text(line.payee.object.clone()),
        Datum::Id(line.payee.id),
        Datum::Date(line.business_date),
        Datum::text(&line.period),
        Datum::text(&line.service_period),
        Datum::optional_text(line.corrects.as_deref()),
        Datum::optional_id(line.reverses),
        Datum::optional_text(line.group.as_deref()),
        Datum::optional_text(line.group_period.as_deref()),
        stored_number("quantity", line.quantity, QUANTITY_SCALE)?,
        stored_number("gross", line.gross, AMOUNT_SCALE)?,
        stored_number("net", line.net, AMOUNT_SCALE)?,
        stored_number("tax", line.tax, AMOUNT_SCALE)?,
        stored_number("tax_rate", line.tax_rate, QUANTITY_SCALE)?,
        Datum::text(tax_kind(line.tax_kind)),
        Datum::Text(line.currency.clone()),
        Datum::json(&dimensions),
        Datum::json(&*line.trace),
        Datum::optional_id(line.statement),
        Datum::optional_id(line.run),
        Datum::Int(line.posted_at.micros()),
        Datum::Bool(stands),
    ])
}

const TAX_KINDS: [TaxTreatment; 5] = [
    TaxTreatment::Inclusive,
    TaxTreatment::Exclusive,
    TaxTreatment::Exempt,
    TaxTreatment::Zero,
    TaxTreatment::NotTaxed,
];

fn tax_kind(kind: TaxTreatment) -> &'static str {
    match kind {
        TaxTreatment::Inclusive => "inclusive",
        TaxTreatment::Exclusive => "exclusive",
        TaxTreatment::Exempt => "exempt",
        TaxTreatment::Zero => "zero",
        TaxTreatment::NotTaxed => "not_taxed",
    }
}

/// Takes the columns of a row one after the other.
pub(super) struct Columns {
    place: &'static str,
    data: std::vec::IntoIter<Datum>,
}

impl Columns {
    pub(super) fn of(place: &'static str, row: Vec<Datum>) -> Columns {
        Columns { place, data: row.into_iter() }
    }

    pub(super) fn wrong(&self, cause: impl Into<String>) -> StoreError {
        StoreError::Corrupt { place: self.place.into(), cause: cause.into() }
    }

    pub(super) fn next(&mut self) -> Datum {
        self.data.next().unwrap_or(Datum::Null(Kind::Text))
    }

    pub(super) fn optional_id(&mut self) -> Option<Uuid> {
        match self.next() {
            Datum::Id(id) => Some(id),
            _ => None,
        }
    }

    pub(super) fn id(&mut self) -> Result<Uuid, StoreError> {
        self.optional_id().ok_or_else(|| self.wrong("an id is missing"))
    }

    pub(super) fn optional_text(&mut self) -> Option<Name> {
        match self.next() {
            Datum::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Result<Name, StoreError> {
        self.optional_text().ok_or_else(|| self.wrong("a text is missing"))
    }

    pub(super) fn optional_int(&mut self) -> Option<i64> {
        match self.next() {
            Datum::Int(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        self.optional_int().ok_or_else(|| self.wrong("a number is missing"))
    }

    pub(super) fn moment(&mut self) -> Result<Moment, StoreError> {
        self.int().map(Moment::from_micros)
    }

    pub(super) fn decimal(&mut self) -> Result<Decimal, StoreError> {
        match self.next() {
            Datum::Decimal(number, _) => Ok(number.normalize()),
            _ => Err(self.wrong("a number is missing")),
        }
    }

    /// An amount, with at least two digits after the point.
    pub(super) fn amount(&mut self) -> Result<Decimal, StoreError> {
        self.optional_amount().ok_or_else(|| self.wrong("an amount is missing"))
    }

    pub(super) fn optional_amount(&mut self) -> Option<Decimal> {
        let Datum::Decimal(amount, _) = self.next() else { return None };
        let mut amount = amount.normalize();
        if amount.scale() < AMOUNT_SCALE_MIN {
            amount.rescale(AMOUNT_SCALE_MIN);
        }
        Some(amount)
    }

    pub(super) fn party(&mut self) -> Result<Party, StoreError> {
        Ok(Party { object: self.text()?, id: self.id()? })
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        match self.next() {
            Datum::Json(text) => serde_json::from_str(&text).map_err(|error| self.wrong(error.to_string())),
            _ => Err(self.wrong("a document is missing")),
        }
    }
}

pub(super) fn decode(row: Vec<Datum>) -> Result<StoredLine, StoreError> {
    decode_columns(&mut Columns::of("settlement_line", row))
}

/// The same, where more columns follow.
pub(super) fn decode_columns(row: &mut Columns) -> Result<StoredLine, StoreError> {
    let seq = row.int()?;
    let line = Line {
        id: row.id()?,
        plan: row.text()?,
        line: row.text()?,
        fact_object: row.text()?,
        fact: row.id()?,
        payer: row.party()?,
        payee: row.party()?,
        business_date: match row.next() {
            Datum::Date(date) => date,
            _ => return Err(row.wrong("the business date is missing")),
        },
        period: row.text()?,
        service_period: row.text()?,
        corrects: row.optional_text(),
        reverses: row.optional_id(),
        group: row.optional_text(),
        group_period: row.optional_text(),
        quantity: row.decimal()?,
        gross: row.amount()?,
        net: row.amount()?,
        tax: row.amount()?,
        tax_rate: row.decimal()?,
        tax_kind: {
            let text = row.text()?;
            let kind = TAX_KINDS.into_iter().find(|kind| tax_kind(*kind) == &*text);
            kind.ok_or_else(|| row.wrong(format!("`{text}` is no tax treatment")))?
        },
        currency: row.text()?,
        dimensions: {
            let stored: BTreeMap<String, Json> = row.json()?;
            let values = stored.into_iter().map(|(name, json)| Ok((Name::from(name), typed_value(&json)?)));
            Arc::new(values.collect::<Result<_, String>>().map_err(|cause| row.wrong(cause))?)
        },
        trace: Arc::new(row.json()?),
        statement: row.optional_id(),
        run: row.optional_id(),
        posted_at: row.moment()?,
    };
    let standing = row.next() == Datum::Bool(true);
    Ok(StoredLine { seq, standing, line })
}

/// The standing lines of facts, in the order they were posted. Those that round the tax of a statement are its own.
pub(super) async fn fetch_standing(
    connection: &mut Connection,
    wanted: &BTreeSet<(Name, Uuid)>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    for (plan, ids) in super::facts::by_object(wanted) {
        facts.lines.extend(ids.iter().map(|fact| ((plan.clone(), *fact), Vec::new())));
        let (text, kinds) = select();
        let mut sql = Sql::new(connection.dialect());
        let condition = standing(sql.dialect);
        sql.push(&text).push(condition).push(" AND l.plan = ").bind(Datum::Text(plan.clone())).push(" AND ");
        sql.any_of("l.fact", Datum::Ids(ids)).push(" ORDER BY l.seq");
        for row in connection.rows("reading posted lines", sql, &kinds).await? {
            let line = decode(row)?.line;
            if !rounds_a_statement(&line.line) {
                facts.lines.entry((plan.clone(), line.fact)).or_default().push(Arc::new(line));
            }
        }
    }
    Ok(())
}
