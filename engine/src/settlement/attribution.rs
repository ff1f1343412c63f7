//! What lines mean for income and cost: the entries they become, by the types of the accounts. Amounts of many lines of one
//! kind may be taken together: an entry is a line's gross, net or tax.

use super::post::{entries_of, posting_of};
use crate::definition::posting::AccountType;
use crate::definition::{Definition, Kind};
use crate::model::Model;
use crate::record::Name;
use rust_decimal::Decimal;

/// Amounts of a line, or the sums of many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amounts {
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
}

/// What was earned and what it cost; profit is the difference and stands nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attributed {
    pub income: Decimal,
    pub cost: Decimal,
}

impl Attributed {
    pub fn profit(self) -> Option<Decimal> {
        self.income.checked_sub(self.cost)
    }

    pub fn plus(self, other: Attributed) -> Option<Attributed> {
        let (income, cost) = (self.income.checked_add(other.income)?, self.cost.checked_add(other.cost)?);
        Some(Attributed { income, cost })
    }
}

/// What amounts of a plan's line come to; `None` where they have too many digits. Nothing of a line whose plan or posting
/// is gone.
pub fn attributed(model: &Model, plan: &str, line: &str, amounts: Amounts) -> Option<Attributed> {
    let mut sum = Attributed::default();
    for side in sides(model, plan, line, amounts) {
        let debited = side.debit - side.credit;
        sum = match account_type(model, side.posting, side.account) {
            Some(AccountType::Expense) => sum.plus(Attributed { cost: debited, ..Attributed::default() })?,
            Some(AccountType::Income) => sum.plus(Attributed { income: -debited, ..Attributed::default() })?,
            _ => sum,
        };
    }
    Some(sum)
}

/// One side of an entry that amounts become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Side<'m> {
    pub posting: &'m Name,
    pub account: &'m Name,
    pub debit: Decimal,
    pub credit: Decimal,
}

/// The entries amounts of a plan's line become, side by side; none of a line whose plan or posting is gone.
pub fn sides<'m>(model: &'m Model, plan: &str, line: &str, amounts: Amounts) -> Vec<Side<'m>> {
    let mut sides = Vec::new();
    let Some(plan) = model.plans.get(plan) else { return sides };
    let Some(posting) = posting_of(model, plan, line) else { return sides };
    for entry in entries_of(posting, line) {
        let amount = entry.amount.of(amounts.gross, amounts.net, amounts.tax);
        let side = |account, debit, credit| Side { posting: &posting.name, account, debit, credit };
        sides.push(side(&entry.debit, amount, Decimal::ZERO));
        sides.push(side(&entry.credit, Decimal::ZERO, amount));
    }
    sides
}

fn account_type(model: &Model, posting: &Name, account: &str) -> Option<AccountType> {
    match model.definitions.get(&(Kind::Posting, posting.clone())) {
        Some((_, Definition::Posting(posting))) => Some(posting.accounts.get(account)?.account_type),
        _ => None,
    }
}
