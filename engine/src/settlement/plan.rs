//! Compiled settlement definitions: rate tables, plans, postings, statements. Made by the model; run by `settle`.

use super::rounding::Rounding;
use super::table::Policy;
use crate::definition::posting::EntryAmount;
use crate::definition::rate_table::{NoMatch, RateValueType};
use crate::definition::sequence::Reset;
use crate::expr::Expr;
use crate::record::Name;
use crate::value::Value;
use rust_decimal::Decimal;

/// A rate table; its rows are the records of the object of the same name.
#[derive(Debug)]
pub struct RateTable {
    pub name: Name,
    pub columns: Vec<Column>,
    pub values: Vec<RateValue>,
    /// Columns in order of weight.
    pub specificity: Vec<usize>,
    /// A row that states more beats one that states less.
    pub ranked: bool,
    pub policy: Policy,
    /// The wanted values of each value column, in their order.
    pub priority: Vec<Vec<Value>>,
    /// The slot that says where a row stands, of tables whose answer depends on it.
    pub rank_slot: Option<usize>,
    pub no_match: NoMatch,
}

#[derive(Debug)]
pub struct Column {
    pub name: Name,
    /// Slot in the rows' object.
    pub slot: usize,
    pub kind: ColumnKind,
    /// Input of `rate()`; absent where the record has no field of the column's name.
    pub from: Option<Expr>,
}

/// How a row states what it requires of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// By one value.
    Exact,
    /// By texts, several of them joined by [`TEXT_SEPARATOR`].
    Text,
    /// By a number or an interval, written as text.
    Number,
}

/// The field by which rows are ordered where their order decides.
pub const ROW_RANK: &str = "row_rank";

/// Stands between the texts of a row that is met by any of several.
pub const TEXT_SEPARATOR: &str = " | ";

#[derive(Debug)]
pub struct RateValue {
    pub name: Name,
    pub value_type: RateValueType,
    pub slot: usize,
    /// Of `money_or_schedule`: the slot that names the schedule.
    pub schedule_slot: Option<usize>,
    pub currency: Option<Name>,
}

/// Which facts are settled, and the lines each should have.
#[derive(Debug)]
pub struct Plan {
    pub name: Name,
    pub object: Name,
    pub state: Name,
    pub when: Option<Expr>,
    /// Slot of the fact's date or moment.
    pub date_slot: usize,
    /// Slot of its business date: the same, or the stored day of the moment.
    pub day_slot: usize,
    pub calendar: Name,
    /// The field that divides a run into units, where it is a plain reference of the fact.
    pub unit_slot: Option<usize>,
    pub steps: Vec<Step>,
    pub lines: Vec<PlanLine>,
    pub posting: Option<Name>,
    pub statement: Option<Name>,
    /// Digest of the definition; pinned in every trace.
    pub digest: String,
}

#[derive(Debug)]
pub struct Step {
    pub name: Name,
    pub kind: StepKind,
}

#[derive(Debug)]
pub enum StepKind {
    Formula(Expr),
    Lookup(Lookup),
}

#[derive(Debug)]
pub struct Lookup {
    pub table: Name,
    /// One per column of the table, in its order.
    pub inputs: Vec<Expr>,
    /// Values taken when no row matches.
    pub otherwise: Option<Vec<(Name, Value)>>,
}

#[derive(Debug)]
pub struct PlanLine {
    pub id: Name,
    pub when: Option<Expr>,
    pub payer: PartySource,
    pub payee: PartySource,
    pub amount: Amount,
    pub tax: Option<Tax>,
    pub rounding: Rounding,
    pub dimensions: Vec<(Name, Expr)>,
}

/// Where a party comes from.
#[derive(Debug)]
pub enum PartySource {
    Expression {
        expr: Expr,
        object: Name,
    },
    /// A fixed record, by its key.
    Fixed {
        object: Name,
        key: String,
    },
}

#[derive(Debug)]
pub enum Amount {
    Formula(Expr),
    Apply { price: Expr, quantity: Expr, cumulate: Option<Cumulate> },
}

#[derive(Debug)]
pub struct Cumulate {
    pub by: Vec<By>,
    pub calendar: Name,
}

/// What makes up a cumulation group.
#[derive(Debug)]
pub enum By {
    Payer,
    Payee,
    /// The row a look-up step found.
    Row(Name),
    Value(Expr),
}

#[derive(Debug)]
pub struct Tax {
    pub mode: crate::definition::settlement_plan::TaxMode,
    pub rate: TaxRate,
    pub rounding: Rounding,
}

#[derive(Debug)]
pub enum TaxRate {
    None,
    Fixed(Decimal),
    Formula(Expr),
    Lookup(Lookup),
}

/// How lines become ledger entries.
#[derive(Debug)]
pub struct Posting {
    pub name: Name,
    pub entries: Vec<PostingEntry>,
}

#[derive(Debug)]
pub struct PostingEntry {
    pub line: Option<Name>,
    pub debit: Name,
    pub credit: Name,
    pub amount: EntryAmount,
}

/// The document of two parties and a period.
#[derive(Debug)]
pub struct StatementForm {
    pub name: Name,
    pub calendar: Name,
    pub number: NumberFormat,
}

/// A number's form, `ST-{yyyy}{MM}-{seq:4}`, in parts.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberFormat {
    pub parts: Vec<NumberPart>,
    pub reset: Reset,
}

#[derive(Clone, Debug, PartialEq)]
pub enum NumberPart {
    Text(String),
    Year,
    Month,
    Day,
    /// The counter, padded to at least this many digits.
    Counter(usize),
}

impl NumberFormat {
    /// Reads a form; `Err` says what is wrong. Without an explicit reset the counter restarts with the smallest
    /// part of the date in the form.
    pub fn parse(text: &str, reset: Option<Reset>) -> Result<NumberFormat, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(NumberPart::Text(rest[..open].to_owned()));
            }
            let close =
                rest[open..].find('}').ok_or_else(|| format!("`{text}` has a brace that is not closed"))? + open;
            let name = &rest[open + 1..close];
            parts.push(match name {
                "yyyy" => NumberPart::Year,
                "MM" => NumberPart::Month,
                "dd" => NumberPart::Day,
                "seq" => NumberPart::Counter(1),
                _ => match name
                    .strip_prefix("seq:")
                    .and_then(|digits| digits.parse().ok())
                    .filter(|digits| (1..=12).contains(digits))
                {
                    Some(digits) => NumberPart::Counter(digits),
                    None => {
                        return Err(format!(
                            "`{{{name}}}` is not a part of a number; there are {{yyyy}}, {{MM}}, {{dd}} and {{seq:5}}"
                        ));
                    }
                },
            });
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(NumberPart::Text(rest.to_owned()));
        }
        if !parts.iter().any(|part| matches!(part, NumberPart::Counter(_))) {
            return Err(format!("`{text}` has no counter {{seq:n}}: two numbers would be equal"));
        }
        let has = |wanted: NumberPart| parts.contains(&wanted);
        let reset = reset.unwrap_or_else(|| {
            if has(NumberPart::Day) {
                Reset::Day
            } else if has(NumberPart::Month) {
                Reset::Month
            } else if has(NumberPart::Year) {
                Reset::Year
            } else {
                Reset::Never
            }
        });
        Ok(NumberFormat { parts, reset })
    }

    /// The bucket in which the counter runs on a date.
    pub fn bucket(&self, date: crate::moment::Date) -> String {
        match self.reset {
            Reset::Never => String::new(),
            Reset::Year => format!("{:04}", date.year()),
            Reset::Month => format!("{:04}-{:02}", date.year(), date.month()),
            Reset::Day => date.to_string(),
        }
    }

    /// The number for a date and a count.
    pub fn render(&self, date: crate::moment::Date, count: i64) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                NumberPart::Text(text) => text.clone(),
                NumberPart::Year => format!("{:04}", date.year()),
                NumberPart::Month => format!("{:02}", date.month()),
                NumberPart::Day => format!("{:02}", date.day()),
                NumberPart::Counter(digits) => format!("{count:0digits$}"),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_their_form_and_grow_past_their_padding() {
        let form = NumberFormat::parse("WO-{yyyy}{MM}-{seq:3}", None).expect("the form is good");
        let date = jiff::civil::date(2026, 3, 9);
        assert_eq!(form.render(date, 7), "WO-202603-007");
        assert_eq!(form.render(date, 12_345), "WO-202603-12345");
        assert_eq!(form.bucket(date), "2026-03");
        assert!(NumberFormat::parse("WO-{yyyy}", None).is_err());
        assert!(NumberFormat::parse("WO-{week}{seq}", None).is_err());
    }
}
