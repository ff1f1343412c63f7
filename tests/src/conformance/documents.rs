//! Documents with rows over HTTP: shares of what the whole has, sums over the rows, and what is computed from both. A
//! document's figures are its fields, so it answers by being read.

use super::place::fresh;
use super::world::Definitions;
use anyhow::{Context, Result, bail};
use packwork_engine::definition::Kind;
use packwork_engine::moment::Moment;
use packwork_engine::settlement::rounding::Rounding;
use packwork_engine::settlement::tax::{TaxKind, Taxable};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};

/// Digits after the point of what is not rounded to money yet.
const SCALE: u32 = 8;

/// A number that people give.
pub fn number(scale: u32) -> Json {
    json!({"type": "decimal", "title": "Number", "scale": scale})
}

/// A number that is computed from the others.
pub fn formula(scale: u32, source: &str) -> Json {
    json!({"type": "decimal", "title": "Formula", "scale": scale, "formula": source})
}

/// A row's share of a figure of the document.
pub fn share(scale: u32, of: &str, by: &str) -> Json {
    json!({"type": "decimal", "title": "Share", "scale": scale, "share": {"of": of, "by": by}})
}

/// A figure of all rows, added up.
pub fn sum(of: &str) -> Json {
    json!({"type": "rollup", "title": "Sum", "of": "lines", "sum": of})
}

/// A document with its rows.
pub struct Document {
    pub fields: Json,
    pub row_fields: Json,
    pub figures: Json,
    pub rows: Vec<Json>,
}

/// What a written document has.
pub struct Written(Json);

impl Document {
    pub fn write(self) -> Result<Written> {
        let mut fields = json!({
            "code": {"type": "text", "title": "Code", "required": true, "unique": true},
            "lines": {"type": "items", "title": "Lines", "to": "document_line"},
        });
        if let (Some(own), Json::Object(more)) = (fields.as_object_mut(), self.fields) {
            own.extend(more);
        }
        let Json::Object(mut figures) = self.figures else { bail!("figures are a map") };
        figures.insert("code".to_owned(), json!("document"));
        figures.insert("lines".to_owned(), Json::Array(self.rows));
        let rows = json!({"owned_by": "document", "fields": self.row_fields});
        let world = Definitions::new()
            .with(Kind::Object, "document", json!({"display": "code", "key": "code", "fields": fields}))
            .with(Kind::Object, "document_line", rows)
            .compile()?;
        let at = Moment::parse("2026-06-01T00:00:00Z").context("the moment is one")?;
        let mut ground = fresh(world, at)?;
        let id = ground.create("document", figures, at)?;
        Ok(Written(ground.read("document", id)?))
    }
}

impl Written {
    pub fn figure(&self, name: &str) -> Result<Decimal> {
        decimal(&self.0, name)
    }

    /// A figure of each row.
    pub fn of_rows(&self, name: &str) -> Result<Vec<Decimal>> {
        let rows = self.0["lines"].as_array().with_context(|| format!("a document without lines: {}", self.0))?;
        rows.iter().map(|row| decimal(row, name)).collect()
    }
}

fn decimal(json: &Json, name: &str) -> Result<Decimal> {
    let text = json[name].as_str().with_context(|| format!("there is no `{name}` in {json}"))?;
    Ok(text.parse()?)
}

/// The fields of a tax that is rounded once for the whole document and shared by its rows, beside that of each row alone.
/// `amount` is the row's field that is taxed, `rate` that of its rate.
pub fn taxes(kind: TaxKind, amount: &str, places: u32, mode: Rounding) -> (Map<String, Json>, Map<String, Json>) {
    let rounded = |source: &str| format!("round({source}, {places}, \"{}\")", mode.name());
    let exact = match kind {
        TaxKind::Inclusive => format!("{amount} / (1 + rate) * rate"),
        _ => format!("{amount} * rate"),
    };
    // What is left of the sum, or comes to it, with a tax.
    let (net, gross) = match kind {
        TaxKind::Inclusive => ("taxed - ", "taxed"),
        _ => ("taxed", "taxed + "),
    };
    let with = |figure: &str, tax: &str| match figure.ends_with(' ') {
        true => formula(SCALE, &format!("{figure}{tax}")),
        false => formula(SCALE, figure),
    };
    let row = json!({
        "rate": number(SCALE),
        "exact": formula(SCALE, &format!("round({exact}, {SCALE}, \"half_up\")")),
        "own_tax": formula(places, &rounded("exact")),
        "row_tax": share(places, "tax", "exact"),
    });
    let document = json!({
        "taxed": sum(amount),
        "exact_sum": sum("exact"),
        "own_taxes": sum("own_tax"),
        "tax": formula(places, &rounded("exact_sum")),
        "net": with(net, "tax"),
        "gross": with(gross, "tax"),
        "gross_of_lines": with(gross, "own_taxes"),
        "difference": formula(places, "tax - own_taxes"),
    });
    let members = |json: Json| json.as_object().cloned().unwrap_or_default();
    (members(document), members(row))
}

/// A document of these amounts.
pub fn taxed(kind: TaxKind, lines: &[Taxable], places: u32, mode: Rounding) -> Result<Written> {
    let (fields, mut row_fields) = taxes(kind, "amount", places, mode);
    row_fields.insert("amount".to_owned(), number(SCALE));
    let rows = lines.iter().map(|line| json!({"amount": line.amount.to_string(), "rate": line.rate.to_string()}));
    let document = Document {
        fields: Json::Object(fields),
        row_fields: Json::Object(row_fields),
        figures: json!({}),
        rows: rows.collect(),
    };
    document.write()
}
