//! What the steps of a statement have in common: the statement as it was asked for, its periods, the paper behind it.

use super::Statement;
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{Decision, NewStatement, Numbering, StatementChange};
use crate::env::Reader;
use crate::facts::{Counter, Stated, StatementsAsked};
use crate::ids::IdSource;
use crate::period::Period;
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::line::{StatementHead, StatementKey, StatementStatus};
use crate::settlement::plan::StatementForm;

/// A step being decided.
pub(super) struct Deciding<'r, 'a> {
    pub reader: &'r Reader<'a>,
    pub statement: &'r Statement,
    pub stated: &'r Stated,
    pub form: Option<&'r StatementForm>,
    pub decision: Decision,
    pub ids: IdSource,
}

impl<'r> Deciding<'r, '_> {
    /// A change of a statement that so far only says that it was touched.
    pub fn changed(&self, statement: &Statement) -> StatementChange {
        StatementChange::of(statement.id, statement.version, self.reader.context.moment)
    }

    pub fn expect_plain(&self) -> Result<(), Halt> {
        match self.statement.is_plain() {
            true => Ok(()),
            false => {
                let detail = "the statement was taken back, or takes one back: nothing more happens to it";
                Err(Refusal::new(Code::StatementReversed, detail).into())
            }
        }
    }

    pub fn expect(&self, status: StatementStatus, step: &'static str) -> Result<(), Halt> {
        self.expect_plain()?;
        if self.statement.status == status { Ok(()) } else { Err(self.refused_state(step)) }
    }

    pub fn refused_state(&self, step: &'static str) -> Halt {
        let status = self.statement.status.as_str();
        let detail = format!("a statement that is {status} cannot take the step `{step}`");
        Refusal::new(Code::StatementState, detail).with("status", status).with("action", step).into()
    }

    pub fn numbering(&self) -> Result<Numbering, Halt> {
        let form = self.known_form()?;
        let date = self.reader.today();
        let counter = Counter { sequence: format!("statement/{}", form.name), bucket: form.number.bucket(date) };
        Ok(Numbering { counter, format: form.number.clone(), date })
    }

    fn known_form(&self) -> Result<&'r StatementForm, Halt> {
        let name = &self.statement.key.statement;
        self.form.ok_or_else(|| {
            let detail = format!("there is no statement definition `{name}` any more");
            Refusal::new(Code::UnknownDefinition, detail).with("name", &**name).into()
        })
    }

    /// The calendar whose periods the statement is for.
    pub fn calendar(&self) -> Result<Name, Halt> {
        Ok(self.known_form()?.calendar.clone())
    }

    /// The statement's own period.
    pub fn period(&self) -> Result<Period, Halt> {
        let calendar = self.calendar()?;
        self.named(&calendar, &self.statement.key.period)
    }

    pub fn named(&self, calendar: &str, period: &str) -> Result<Period, Halt> {
        let found = self.reader.model.calendars.get(calendar).and_then(|calendar| calendar.named(period));
        found.ok_or_else(|| {
            let detail = format!("there is no period `{period}` in the calendar `{calendar}`");
            Refusal::new(Code::UnknownPeriod, detail).with("period", period).into()
        })
    }

    pub fn is_closed(&self, calendar: &str, period: &str) -> Result<bool, Halt> {
        match self.reader.facts.closed_periods.get(calendar) {
            Some(closed) => Ok(closed.contains(period)),
            None => {
                self.reader.need(|need| {
                    need.closed_periods.insert(calendar.into());
                });
                Err(Halt::Missing)
            }
        }
    }

    /// The first open period from this one on.
    pub fn open_from(&self, calendar: &str, period: &Period) -> Result<Period, Halt> {
        let mut period = period.clone();
        while self.is_closed(calendar, &period.name)? {
            match self.reader.model.calendars.get(calendar) {
                Some(calendar) => period = calendar.next(&period),
                None => break,
            }
        }
        Ok(period)
    }

    /// The statement's key in the first open period from its own on: where what leaves it goes.
    pub fn open_key(&self) -> Result<StatementKey, Halt> {
        let period = self.open_from(&self.calendar()?, &self.period()?)?.name;
        Ok(StatementKey { period, ..self.statement.key.clone() })
    }

    /// The newest statement under a key.
    pub fn head(&self, key: &StatementKey) -> Result<Option<StatementHead>, Halt> {
        match self.reader.facts.statements.get(key) {
            Some(head) => Ok(head.clone()),
            None => {
                self.reader.need(|need| {
                    need.statements.insert(key.clone());
                });
                Err(Halt::Missing)
            }
        }
    }

    /// Opens a statement under a key, after those there are.
    pub fn opened(&mut self, key: StatementKey, head: Option<&StatementHead>) -> NewStatement {
        let new = NewStatement {
            id: self.ids.take(),
            key,
            ordinal: head.map_or(1, |head| head.ordinal + 1),
            status: StatementStatus::Draft,
            at: self.reader.context.moment,
        };
        self.decision.statements.push(new.clone());
        new
    }
}

/// What people call a statement.
pub(super) fn name_of(statement: &Statement) -> String {
    statement.number.clone().unwrap_or_else(|| format!("{} {}", statement.key.statement, statement.key.period))
}

pub(super) fn asked<'a>(reader: &Reader<'a>, what: StatementsAsked) -> Result<&'a Stated, Halt> {
    reader.facts.stated.get(&what).ok_or_else(|| {
        reader.need(|need| {
            need.stated.insert(what);
        });
        Halt::Missing
    })
}
