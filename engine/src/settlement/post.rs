//! What posting writes: reversals that mirror what they take back, and balanced ledger entries.

use super::line::{Entry, Line, Party};
use super::plan::{Plan, Posting, PostingEntry, base_of, pays};
use crate::codes::Code;
use crate::decision::Decision;
use crate::definition::posting::EntryAmount;
use crate::hashing::Hashing;
use crate::ids::IdSource;
use crate::model::Model;
use crate::moment::Moment;
use crate::record::{Name, is_same_name};
use crate::refusal::Refusal;
use indexmap::{Equivalent, IndexSet};
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// The reversal (红冲) of a line: stored amounts with the opposite sign, never computed anew.
pub fn reversal(line: &Line, id: Uuid, period: &Name, run: Option<Uuid>, at: Moment) -> Line {
    let mut trace = line.trace.clone();
    Arc::make_mut(&mut trace).reason = Some("reversal".into());
    Line {
        id,
        period: period.clone(),
        corrects: (*period != line.period).then(|| line.period.clone()),
        reverses: Some(line.id),
        quantity: -line.quantity,
        gross: -line.gross,
        net: -line.net,
        tax: -line.tax,
        trace,
        statement: None,
        run,
        posted_at: at,
        ..line.clone()
    }
}

/// Who owes whom, in which period and currency: what entries and statements are kept by. There are few while lines are
/// many, so each has a number.
#[derive(Default)]
pub struct Places {
    known: IndexSet<Place, Hashing>,
    /// Lines of one place mostly follow each other.
    last: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub payer: Party,
    pub payee: Party,
    pub period: Name,
    pub currency: Name,
}

/// The same, borrowed.
#[derive(Hash)]
struct PlaceOf<'k> {
    payer: &'k Party,
    payee: &'k Party,
    period: &'k Name,
    currency: &'k Name,
}

impl Equivalent<Place> for PlaceOf<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        *self.payer == place.payer
            && *self.payee == place.payee
            && is_same_name(self.period, &place.period)
            && is_same_name(self.currency, &place.currency)
    }
}

impl Places {
    /// The number of a place; a new one has the next.
    pub fn of(&mut self, payer: &Party, payee: &Party, period: &Name, currency: &Name) -> usize {
        let asked = PlaceOf { payer, payee, period, currency };
        if self.known.get_index(self.last).is_none_or(|last| !asked.equivalent(last)) {
            self.last = match self.known.get_index_of(&asked) {
                Some(known) => known,
                None => {
                    let (payer, payee) = (payer.clone(), payee.clone());
                    let new = Place { payer, payee, period: period.clone(), currency: currency.clone() };
                    self.known.insert_full(new).0
                }
            };
        }
        self.last
    }

    pub fn of_line(&mut self, line: &Line) -> usize {
        self.of(&line.payer, &line.payee, &line.period, &line.currency)
    }

    /// The place with a number that [`Places::of`] gave.
    pub fn get(&self, number: usize) -> &Place {
        &self.known[number]
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

/// The entries of a unit's lines, summed per account and place. Debits equal credits, without tolerance.
pub struct Entries<'m> {
    model: &'m Model,
    plan: &'m Plan,
    /// The accounts that were moved, with the posting that moves them.
    accounts: Vec<(&'m Name, &'m Name)>,
    /// What lines move, by their ids.
    moves: Vec<(Name, Vec<Move>)>,
    /// What was moved, by place and account.
    sums: Vec<Vec<(Decimal, Decimal)>>,
}

/// An amount of a line from one account to another.
#[derive(Clone, Copy)]
struct Move {
    amount: EntryAmount,
    debit: usize,
    credit: usize,
}

impl<'m> Entries<'m> {
    pub fn of(model: &'m Model, plan: &'m Plan) -> Entries<'m> {
        Entries { model, plan, accounts: Vec::new(), moves: Vec::new(), sums: Vec::new() }
    }

    /// Adds a line's entries to those of its place.
    pub fn add(&mut self, place: usize, line: &Line) -> Result<(), Refusal> {
        let moves = match self.moves.iter().position(|(id, _)| is_same_name(id, &line.line)) {
            Some(known) => known,
            None => {
                let moves = self.moves_of(&line.line);
                self.moves.push((line.line.clone(), moves));
                self.moves.len() - 1
            }
        };
        if self.sums.len() <= place {
            self.sums.resize_with(place + 1, Vec::new);
        }
        let sums = &mut self.sums[place];
        sums.resize(sums.len().max(self.accounts.len()), (Decimal::ZERO, Decimal::ZERO));
        for Move { amount, debit, credit } in &self.moves[moves].1 {
            let amount = amount.of(line.gross, line.net, line.tax);
            if amount.is_zero() {
                continue;
            }
            let added = |sum: Decimal| {
                sum.checked_add(amount).ok_or_else(|| {
                    Refusal::new(Code::AmountOverflow, "the sum of the unit's entries has too many digits")
                })
            };
            sums[*debit].0 = added(sums[*debit].0)?;
            sums[*credit].1 = added(sums[*credit].1)?;
        }
        Ok(())
    }

    fn moves_of(&mut self, line: &str) -> Vec<Move> {
        let Some(posting) = posting_of(self.model, self.plan, line) else { return Vec::new() };
        let mut number = |account: &'m Name| {
            let known = self.accounts.iter().position(|(name, by)| *name == account && **by == posting.name);
            known.unwrap_or_else(|| {
                self.accounts.push((account, &posting.name));
                self.accounts.len() - 1
            })
        };
        entries_of(posting, line)
            .map(|entry| Move { amount: entry.amount, debit: number(&entry.debit), credit: number(&entry.credit) })
            .collect()
    }

    /// Writes them in the order of account, posting and place.
    pub fn finish(self, places: &Places, decision: &mut Decision, ids: &mut IdSource, run: Option<Uuid>, at: Moment) {
        let (mut debits, mut credits) = (Decimal::ZERO, Decimal::ZERO);
        let mut moved = Vec::new();
        for (place, sums) in self.sums.iter().enumerate() {
            for ((account, posting), (debit, credit)) in self.accounts.iter().zip(sums) {
                (debits, credits) = (debits + debit, credits + credit);
                if !debit.is_zero() || !credit.is_zero() {
                    moved.push((*account, *posting, places.get(place), *debit, *credit));
                }
            }
        }
        debug_assert_eq!(debits, credits, "every posting entry debits and credits the same amount");
        moved.sort_by(|a, b| {
            let place = |of: &Place, other: &Place| {
                let order = of.period.cmp(&other.period).then_with(|| of.payer.cmp(&other.payer));
                order.then_with(|| of.payee.cmp(&other.payee)).then_with(|| of.currency.cmp(&other.currency))
            };
            a.0.cmp(b.0).then_with(|| a.1.cmp(b.1)).then_with(|| place(a.2, b.2))
        });
        decision.entries.extend(moved.into_iter().map(|(account, posting, place, debit, credit)| Entry {
            id: ids.take(),
            posting: posting.clone(),
            account: account.clone(),
            debit,
            credit,
            currency: place.currency.clone(),
            period: place.period.to_string(),
            payer: place.payer.clone(),
            payee: place.payee.clone(),
            run,
            posted_at: at,
        }));
    }
}

/// The entries of lines, where there are few of them.
pub fn entries(
    model: &Model,
    plan: &Plan,
    lines: &[Line],
    decision: &mut Decision,
    ids: &mut IdSource,
    run: Option<Uuid>,
    at: Moment,
) -> Result<(), Refusal> {
    let (mut entries, mut places) = (Entries::of(model, plan), Places::default());
    for line in lines {
        entries.add(places.of_line(line), line)?;
    }
    entries.finish(&places, decision, ids, run, at);
    Ok(())
}

/// How a line of a plan becomes entries: what is paid by another posting than what is owed.
pub(super) fn posting_of<'m>(model: &'m Model, plan: &Plan, line: &str) -> Option<&'m Posting> {
    let name = if pays(line) { plan.paying.as_ref() } else { plan.posting.as_ref() };
    model.postings.get(name?)
}

/// The entries of a line. What is derived from a line (a cut, a remainder) is posted as the line is, unless the posting
/// names it.
pub(super) fn entries_of<'p, 'l>(
    posting: &'p Posting,
    line: &'l str,
) -> impl Iterator<Item = &'p PostingEntry> + use<'p, 'l> {
    let named = |wanted: &str| posting.entries.iter().any(|entry| entry.line.as_deref() == Some(wanted));
    let by = if named(line) { line } else { base_of(line) };
    posting.entries.iter().filter(move |entry| entry.line.as_deref().is_none_or(|name| name == by))
}
