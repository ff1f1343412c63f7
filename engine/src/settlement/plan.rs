//! Compiled settlement definitions: rate tables, plans, postings, statements. Made by the model; run by `settle`.

use super::rebate::{GrowthBase, RetroactiveFrom};
use super::rounding::Rounding;
use super::table::Policy;
use crate::definition::posting::EntryAmount;
use crate::definition::rate_table::{NoMatch, RateValueType};
use crate::definition::sequence::Reset;
use crate::env::Route;
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
    /// By texts, several of them joined by [`TEXT_SEPARATOR`]; in `not(…)` any but these.
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
    /// Whose records are the facts.
    pub object: Name,
    pub on: On,
    pub when: Option<Expr>,
    pub calendar: Name,
    /// The field that divides a run into units, where it is a plain reference of the fact.
    pub unit_slot: Option<usize>,
    pub steps: Vec<Step>,
    pub lines: Vec<PlanLine>,
    pub posting: Option<Name>,
    /// The posting of lines that pay what was accrued.
    pub paying: Option<Name>,
    pub statement: Option<Name>,
    /// Digest of the definition; pinned in every trace.
    pub digest: Name,
    /// The paths that begin at a field of the fact, each once, by the number its expressions know it under.
    pub routes: Vec<Route>,
}

/// What makes a record a fact, and when.
#[derive(Debug)]
pub enum On {
    State(InState),
    /// The end of each period of the plan's calendar.
    Close(Units),
}

/// Records in a state are facts, on their business date.
#[derive(Debug)]
pub struct InState {
    pub state: Name,
    /// Slot of the fact's date or moment.
    pub date_slot: usize,
    /// Slot of its business date: the same, or the stored day of the moment.
    pub day_slot: usize,
}

/// Whose periods are settled.
#[derive(Debug)]
pub struct Units {
    /// The name by which expressions know the unit.
    pub root: Name,
    pub from: UnitsFrom,
}

#[derive(Debug)]
pub enum UnitsFrom {
    /// Live records of the plan's object, in a state where one is named.
    Records { state: Option<Name> },
    /// Whoever the facts of these accumulators name, by the place of the unit in their keys.
    Totals(Vec<(Name, usize)>),
}

impl Plan {
    /// The plan's facts, where they are records in a state.
    pub fn in_state(&self) -> Option<&InState> {
        match &self.on {
            On::State(facts) => Some(facts),
            On::Close(_) => None,
        }
    }

    /// The name by which expressions know the unit whose period is settled.
    pub fn unit_root(&self) -> Option<&Name> {
        match &self.on {
            On::State(_) => None,
            On::Close(units) => Some(&units.root),
        }
    }

    /// The definition of a line by its id, or by that of one derived from it (`subsidy.cap`).
    pub fn line(&self, id: &str) -> Option<&PlanLine> {
        let base = base_of(id);
        self.lines.iter().find(|line| *line.id == *base)
    }
}

/// Stands between the id of a line and what is derived from it.
pub const DERIVED: char = '.';

/// The line pays what was accrued.
pub const PAY: &str = "pay";
/// The line is what nobody of a chain got.
pub const REMAINDER: &str = "remainder";

/// The line is what a statement's tax differs from that of its lines.
pub const ROUNDING: &str = "rounding";

/// Whether a line belongs to its statement and not to its fact.
pub fn rounds_a_statement(line: &str) -> bool {
    line.rsplit_once(DERIVED).is_some_and(|(_, part)| part == ROUNDING)
}

/// The id of the line that another one is derived from; its own where it is none.
pub fn base_of(line: &str) -> &str {
    line.split_once(DERIVED).map_or(line, |(base, _)| base)
}

/// Whether a line counts where lines of this name do: it is one, or derived from one; what pays an accrued line is
/// another amount and counts under its own name only.
pub fn counts_as(line: &str, name: &str) -> bool {
    let part = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(DERIVED));
    line == name || part.is_some_and(|part| part != PAY && !rounds_a_statement(line))
}

/// Whether a line pays what was accrued.
pub fn pays(line: &str) -> bool {
    line.split_once(DERIVED).is_some_and(|(_, part)| part == PAY)
}

/// The id of a line derived from another one.
pub fn derived(line: &str, part: &str) -> Name {
    format!("{line}{DERIVED}{part}").as_str().into()
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
    Total(Total),
    Convert(Convert),
}

/// An amount in another currency.
#[derive(Debug)]
pub struct Convert {
    pub amount: Expr,
    pub to: Name,
    pub table: Name,
    /// One per column of the table, in its order.
    pub inputs: Vec<ConvertInput>,
    /// The value that is the rate.
    pub value: Name,
    /// By way of this currency.
    pub through: Option<Name>,
    pub rounding: Rounding,
}

#[derive(Debug)]
pub enum ConvertInput {
    From,
    To,
    Value(Expr),
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
    pub pays: Pays,
    /// Caps and minimums, in order.
    pub adjusts: Vec<Adjust>,
    pub tax: Option<Tax>,
    pub rounding: Rounding,
    pub dimensions: Vec<(Name, Expr)>,
    /// The calendar at whose periods' ends it is paid; until then it is only accrued.
    pub paid_by: Option<Name>,
    /// How long it waits for its statement.
    pub hold: Option<Hold>,
}

/// How long a line waits for its statement: the later of both counts.
#[derive(Debug)]
pub struct Hold {
    /// Days after the business date.
    pub days: Option<u16>,
    /// The last day.
    pub until: Option<Expr>,
}

/// A line that waits longer for its statement than a year should not have been posted yet.
pub const HOLD_DAYS_MAX: u16 = 366;

impl PlanLine {
    /// The keys of the groups it counts in.
    pub fn cumulates(&self) -> impl Iterator<Item = &Cumulate> {
        let tiers = match &self.pays {
            Pays::One { amount: Amount::Apply { cumulate, .. }, .. } => cumulate.as_ref(),
            _ => None,
        };
        let own = self.adjusts.iter().filter_map(|adjust| match adjust.used() {
            Used::Own(cumulate) => Some(cumulate),
            Used::Nothing | Used::Total(_) => None,
        });
        tiers.into_iter().chain(own)
    }

    /// The totals that count toward its caps and minimums.
    pub fn totals(&self) -> impl Iterator<Item = &Total> {
        self.adjusts.iter().filter_map(|adjust| match adjust.used() {
            Used::Total(total) => Some(total),
            Used::Nothing | Used::Own(_) => None,
        })
    }
}

/// Who pays whom, and what.
#[derive(Debug)]
pub enum Pays {
    One {
        payer: PartySource,
        payee: PartySource,
        amount: Amount,
    },
    /// The parties of a chain, each a line of its own.
    Chain {
        payer: PartySource,
        chain: Name,
        base: Expr,
        /// The first party, where the chain climbs from it.
        seller: Option<PartySource>,
    },
    /// The parties of another fact's lines, in reverse.
    Mirror(Mirror),
}

/// Lines of another fact, taken back by the share of what comes back.
#[derive(Debug)]
pub struct Mirror {
    pub plan: Name,
    /// The plan's object, and the fact.
    pub object: Name,
    pub fact: Expr,
    /// What the fact's lines were made from, and what of it comes back.
    pub of: Expr,
    pub back: Expr,
}

/// What is added to a line's amount or cut off it; a line of its own beside it.
#[derive(Debug)]
pub struct Adjust {
    pub id: Name,
    pub kind: AdjustKind,
}

impl Adjust {
    fn used(&self) -> &Used {
        match &self.kind {
            AdjustKind::Cap { used, .. } | AdjustKind::Minimum { used, .. } => used,
        }
    }
}

#[derive(Debug)]
pub enum AdjustKind {
    /// No more than this, together with what counts toward it.
    Cap { most: Expr, used: Used },
    /// No less than this once the period is over, together with what counts toward it.
    Minimum {
        least: Expr,
        used: Used,
        /// Days in use and days of the period.
        days: Option<(Expr, Expr)>,
    },
}

/// What counts toward a cap or minimum beside the line itself.
#[derive(Debug)]
pub enum Used {
    Nothing,
    /// The same line of other facts, by keys and period.
    Own(Cumulate),
    /// What an accumulator says.
    Total(Total),
}

/// The total of an accumulator for a key.
#[derive(Debug)]
pub struct Total {
    pub accumulator: Name,
    /// One per member of its key, in its order.
    pub key: Vec<Expr>,
    pub until: Until,
    /// So many periods earlier.
    pub back: u32,
}

/// Up to where facts count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// The end of the period that is settled.
    #[default]
    PeriodEnd,
    /// Everything of the accumulator's period.
    Whole,
    /// What stands before the fact, in order of business date and id.
    Fact,
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
    Apply {
        price: Expr,
        quantity: Expr,
        cumulate: Option<Cumulate>,
    },
    /// What a cumulated volume is entitled to, less what was posted of it before.
    Entitled(Entitled),
}

#[derive(Debug)]
pub struct Entitled {
    pub schedule: Expr,
    pub volume: Expr,
    pub from: RetroactiveFrom,
    /// The volume to compare with, where growth finds the tier.
    pub growth: Option<(Expr, GrowthBase)>,
    /// The calendar in whose periods it adds up; `None`: of each settled period by itself.
    pub over: Option<Name>,
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
    /// A text that is the same for all, as the plan and the line of an accumulator's key are.
    Fixed(Name),
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

pub use crate::definition::statement::NegativePolicy as Negative;

/// The document of two parties and a period.
#[derive(Debug)]
pub struct StatementForm {
    pub name: Name,
    pub calendar: Name,
    pub number: NumberFormat,
    /// Both directions of a pair share one net position.
    pub netting: bool,
    pub negative: Negative,
    /// The posting of debts that are given up.
    pub write_off: Option<Name>,
    /// The tax of all lines is rounded once, this way.
    pub tax_rounded_once: Option<Rounding>,
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
