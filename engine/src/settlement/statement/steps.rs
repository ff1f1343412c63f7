//! The steps of a statement: which follow which, and what each writes. A step is refused with a code of its own for
//! every reason there is.

use super::deciding::{Deciding, asked, name_of};
use super::{REASON_MAX, dispute, reverse, rounding};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{Decision, StatementCommand, StatementStep};
use crate::env::Reader;
use crate::facts::StatementsAsked;
use crate::ids::IdSource;
use crate::refusal::Refusal;
use crate::settlement::line::{Entry, StatementStatus};
use crate::settlement::plan::Negative;
use rust_decimal::Decimal;

/// Takes a statement a step further, disputes its lines or takes it back.
pub fn step(reader: &Reader<'_>, command: &StatementCommand) -> Result<Decision, Halt> {
    said(&command.step)?;
    let stated = asked(reader, StatementsAsked::One(command.id))?;
    let Some(statement) = stated.statements.first().filter(|statement| statement.key.statement == command.form) else {
        let detail = format!("there is no statement `{}`", command.id);
        return Err(Refusal::new(Code::NotFound, detail).with("id", command.id.to_string()).into());
    };
    if statement.version != command.version {
        let detail = format!("the statement has version {}, not {}", statement.version, command.version);
        return Err(Refusal::new(Code::StaleVersion, detail)
            .with("version", statement.version)
            .with("status", statement.status.as_str())
            .into());
    }
    let mut decided = Deciding {
        reader,
        statement,
        stated,
        form: reader.model.statements.get(&statement.key.statement),
        decision: Decision::default(),
        ids: IdSource::new(reader.context.command, reader.context.moment),
    };
    match &command.step {
        StatementStep::Issue => decided.issue()?,
        StatementStep::Confirm => decided.advance(StatementStatus::Issued, StatementStatus::Confirmed, "confirm")?,
        StatementStep::Pay => decided.pay()?,
        StatementStep::WriteOff { reason } => decided.write_off(reason)?,
        StatementStep::Dispute { lines, reason } => dispute::open(&mut decided, lines, reason)?,
        StatementStep::Settle { dispute, outcome, note } => {
            dispute::settle(&mut decided, *dispute, *outcome, note.as_deref())?;
        }
        StatementStep::Reverse { reason, period } => reverse::reverse(&mut decided, reason, period.as_deref())?,
    }
    Ok(decided.decision)
}

/// What people write is there and not too long.
fn said(step: &StatementStep) -> Result<(), Refusal> {
    let (text, member, needed) = match step {
        StatementStep::Reverse { reason, .. }
        | StatementStep::WriteOff { reason }
        | StatementStep::Dispute { reason, .. } => (reason.as_str(), "reason", true),
        StatementStep::Settle { note, .. } => (note.as_deref().unwrap_or_default(), "note", false),
        StatementStep::Issue | StatementStep::Confirm | StatementStep::Pay => return Ok(()),
    };
    if needed && text.trim().is_empty() {
        let detail = format!("`{member}` says why, and is empty");
        return Err(Refusal::new(Code::Required, detail).with("field", member));
    }
    if text.chars().count() > REASON_MAX {
        let detail = format!("`{member}` has at most {REASON_MAX} characters");
        return Err(Refusal::new(Code::OutOfRange, detail).with("field", member).with("maximum", REASON_MAX));
    }
    Ok(())
}

impl Deciding<'_, '_> {
    fn issue(&mut self) -> Result<(), Halt> {
        self.expect(StatementStatus::Draft, "issue")?;
        let mut change = self.changed(self.statement);
        change.status = Some(StatementStatus::Issued);
        change.number = Some(self.numbering()?);
        rounding::round_tax(self)?;
        if self.form.is_some_and(|form| !form.netting && form.negative == Negative::CarryDebt) {
            let debtors = asked(self.reader, StatementsAsked::Debts(self.statement.key.clone()))?;
            let mut opening = Decimal::ZERO;
            for debtor in &debtors.statements {
                let debt = debtor.debt(self.form);
                if debt.is_zero() || debtor.id == self.statement.id {
                    continue;
                }
                opening += debt;
                let mut taken = self.changed(debtor);
                taken.carried = Some((debt, Some(self.statement.id)));
                self.decision.statement_changes.push(taken);
            }
            change.opening = Some(opening);
        }
        self.decision.statement_changes.push(change);
        Ok(())
    }

    fn advance(&mut self, from: StatementStatus, to: StatementStatus, step: &'static str) -> Result<(), Halt> {
        self.expect(from, step)?;
        let mut change = self.changed(self.statement);
        change.status = Some(to);
        self.decision.statement_changes.push(change);
        Ok(())
    }

    /// A netted statement is paid together with everything of its pair: one payment settles both directions.
    fn pay(&mut self) -> Result<(), Halt> {
        self.expect(StatementStatus::Confirmed, "pay")?;
        let mut paid = vec![self.statement];
        if self.form.is_some_and(|form| form.netting) {
            let pair = asked(self.reader, StatementsAsked::Pair(self.statement.key.clone()))?;
            for other in pair.statements.iter().filter(|other| other.id != self.statement.id && other.is_plain()) {
                match other.status {
                    StatementStatus::Confirmed => paid.push(other),
                    StatementStatus::Paid | StatementStatus::Reversed => {}
                    StatementStatus::Draft | StatementStatus::Issued => {
                        let detail = format!(
                            "the statements of this pair are paid together, and `{}` is {}",
                            name_of(other),
                            other.status.as_str()
                        );
                        return Err(Refusal::new(Code::PositionOpen, detail)
                            .with("other", name_of(other))
                            .with("status", other.status.as_str())
                            .into());
                    }
                }
            }
        }
        for statement in paid {
            let mut change = self.changed(statement);
            change.status = Some(StatementStatus::Paid);
            self.decision.statement_changes.push(change);
        }
        Ok(())
    }

    /// Gives a debt up: it is posted as the form says, and nothing of it is carried on.
    fn write_off(&mut self, reason: &str) -> Result<(), Halt> {
        self.expect_plain()?;
        let debt = self.statement.debt(self.form);
        let posting = self.form.and_then(|form| self.reader.model.postings.get(form.write_off.as_ref()?));
        let (Some(posting), false) = (posting, debt.is_zero() || self.statement.carried.is_some()) else {
            let detail = "there is no debt on this statement that may be written off";
            return Err(Refusal::new(Code::NoDebt, detail).with("debt", debt.to_string()).into());
        };
        if self.statement.status == StatementStatus::Draft {
            return Err(self.refused_state("write_off"));
        }
        let calendar = self.calendar()?;
        let period = self.open_from(&calendar, &self.period()?)?.name;
        for entry in &posting.entries {
            let sides = [(&entry.debit, -debt, Decimal::ZERO), (&entry.credit, Decimal::ZERO, -debt)];
            for (account, debit, credit) in sides {
                self.decision.entries.push(Entry {
                    id: self.ids.take(),
                    posting: posting.name.clone(),
                    account: account.clone(),
                    debit,
                    credit,
                    currency: self.statement.key.currency.clone(),
                    period: period.clone(),
                    payer: self.statement.key.payer.clone(),
                    payee: self.statement.key.payee.clone(),
                    run: None,
                    posted_at: self.reader.context.moment,
                });
            }
        }
        let mut change = self.changed(self.statement);
        change.carried = Some((debt, None));
        change.reason = Some(reason.to_owned());
        self.decision.statement_changes.push(change);
        Ok(())
    }
}
