//! An in-memory store: answers what decisions need and keeps what they write. Whatever it does, a database must do the
//! same. Cloning is cheap, so that every test starts from the same seeded copy.

use super::totals::with_totals;
use crate::attachment::{Attachment, FileChange};
use crate::codes::Code;
use crate::decide::{decide, is_cleared};
use crate::decision::{Command, Context, Decision, Event, Outcome, TodoChange, Write};
use crate::facts::{Collection, Counter, Cumulated, CumulationQuery, Facts, Need, ROUNDS_MAX, Since};
use crate::model::Model;
use crate::moment::Date;
use crate::object::duplicate::CANDIDATES_MAX;
use crate::object::{FieldKind, Object};
use crate::record::{Name, Record, slot};
use crate::refusal::{FieldError, Refusal};
use crate::settlement::desired::Counts;
use crate::settlement::line::{Entry, Line, StatementStatus};
use crate::settlement::plan::{counts_as, rounds_a_statement};
use crate::settlement::settle::{Behind, may_move};
use crate::settlement::statement::{Dispute, Statement};
use crate::value::Value;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

type Records = BTreeMap<Uuid, Arc<Record>>;

/// Everything one tenant has.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    records: BTreeMap<Name, Arc<Records>>,
    /// Whole objects as they were last read; forgotten when one of their records is written.
    collections: BTreeMap<Name, Arc<Collection>>,
    revisions: BTreeMap<Name, i64>,
    numbers: BTreeMap<Counter, i64>,
    pub events: Vec<Arc<Event>>,
    /// Open to-dos by (object, record, name).
    pub todos: BTreeMap<(Name, Uuid, String), TodoChange>,
    /// Files that were not given up.
    pub attachments: BTreeMap<Uuid, Attachment>,
    /// In the order they were posted.
    pub lines: Vec<Arc<Line>>,
    pub entries: Vec<Arc<Entry>>,
    /// In the order they were opened; what their lines come to is told by [`Memory::statement`].
    pub statements: Vec<Statement>,
    /// In the order they were opened.
    pub disputes: Vec<Dispute>,
    /// Closed periods by calendar.
    pub closed: BTreeMap<Name, BTreeSet<String>>,
    commands: u128,
}

impl Memory {
    /// The id of the next command: they are counted.
    pub fn next_command(&mut self) -> Uuid {
        self.commands += 1;
        Uuid::from_u128(self.commands)
    }

    /// Decides a command, fetching what it needs, and writes what was decided.
    pub fn execute(
        &mut self,
        model: &Model,
        command: &Command,
        context: &Context,
    ) -> Result<Box<Decision>, Box<Refusal>> {
        self.execute_with(model, command, context, &mut Facts::default())
    }

    /// The same over facts that are at hand already; they must be true still.
    pub fn execute_with(
        &mut self,
        model: &Model,
        command: &Command,
        context: &Context,
        facts: &mut Facts,
    ) -> Result<Box<Decision>, Box<Refusal>> {
        for _ in 0..=ROUNDS_MAX {
            match decide(model, facts, command, context) {
                Outcome::Decided(decision) => {
                    self.apply(model, &decision)?;
                    return Ok(decision);
                }
                Outcome::Refused(refusal) => return Err(refusal),
                Outcome::Needs(need) => self.fetch(model, &need, facts),
            }
        }
        Err(Box::new(
            Refusal::new(Code::TooManyRounds, "the command needed too many rounds of reading")
                .with("limit", ROUNDS_MAX),
        ))
    }

    /// Adds exactly what is asked for. A number asked for is taken, whether or not it is used.
    pub fn fetch(&mut self, model: &Model, need: &Need, facts: &mut Facts) {
        for (object, id) in &need.records {
            let record = self.get(object, *id).map(|record| with_totals(self, model, record));
            facts.records.insert((object.clone(), *id), record);
        }
        for id in &need.attachments {
            facts.attachments.insert(*id, self.attachments.get(id).cloned());
        }
        for (object, key) in &need.keys {
            facts.keys.insert((object.clone(), key.clone()), self.by_key(model, object, key));
        }
        for (object, field, value) in &need.holders {
            let slot = model.object(object).and_then(|object| object.field(field)).map(|(slot, _)| slot);
            let holder = slot.and_then(|slot| self.live(object).find(|record| record.values[slot] == *value));
            facts.holders.insert((object.clone(), field.clone(), value.clone()), holder.map(|record| record.id()));
        }
        for (object, name, key) in &need.duplicates {
            let rule = model.object(object).and_then(|it| it.duplicates.iter().find(|rule| rule.name == *name));
            let alike = self
                .live(object)
                .filter(|record| rule.is_some_and(|rule| rule.key(&record.values).as_ref() == Some(key)));
            let ids = alike.map(|record| record.id()).take(CANDIDATES_MAX + 1).collect();
            facts.duplicates.insert((object.clone(), name.clone(), key.clone()), ids);
        }
        for object in &need.collections {
            facts.collections.insert(object.clone(), self.collection(object));
        }
        for (object, parent) in &need.children {
            facts.children.insert((object.clone(), *parent), self.children(object, *parent));
        }
        for (object, parent) in &need.deleted_children {
            let rows = self.records.get(object).into_iter().flat_map(|records| records.values());
            let rows = rows.filter(|row| row.is_deleted() && row.parent() == Some(*parent)).cloned().collect();
            facts.deleted_children.insert((object.clone(), *parent), rows);
        }
        for (object, id) in &need.referring {
            facts.referring.insert((object.clone(), *id), self.referring(model, *id));
        }
        for (object, id, version) in &need.since {
            let since = self.since(object, *id, *version);
            facts.since.insert((object.clone(), *id, *version), Arc::new(since));
        }
        for (object, id) in &need.referrers {
            facts.referrers.insert((object.clone(), *id), self.referrers(model, object, *id));
        }
        for counter in &need.numbers {
            facts.numbers.insert(counter.clone(), self.next_number(counter));
        }
        for calendar in &need.closed_periods {
            facts.closed_periods.insert(calendar.clone(), self.closed.get(calendar).cloned().unwrap_or_default());
        }
        for key in &need.statements {
            facts.statements.insert(key.clone(), self.newest_statement(key));
        }
        for asked in &need.stated {
            facts.stated.insert(asked.clone(), self.stated(asked));
        }
        let standing = self.standing();
        for (plan, fact) in &need.lines {
            let lines = standing
                .iter()
                .filter(|line| line.plan == *plan && line.fact == *fact && !rounds_a_statement(&line.line));
            let lines = lines.cloned();
            facts.lines.insert((plan.clone(), *fact), lines.collect());
        }
        for query in &need.cumulated {
            let found =
                Cumulated { charged: charged(&self.lines, &standing, query), ..cumulated(model, &standing, query) };
            facts.cumulated.insert(query.clone(), found);
        }
        for (table, row) in &need.rate_uses {
            let of_row = |line: &&Arc<Line>| {
                line.trace.lookups.iter().any(|look| *look.found.table == **table && *look.found.row == **row)
            };
            let used = self.lines.iter().any(|line| of_row(&line));
            facts.rate_uses.insert((table.clone(), row.clone()), used);
        }
        for query in &need.totals {
            facts.totals.insert(query.clone(), self.counted(model, &standing, query));
        }
    }

    /// Writes a record as it is, for tests of reading.
    pub fn put(&mut self, record: Arc<Record>) {
        self.touch(&record.object).insert(record.id(), record);
    }

    /// A record, deleted or not.
    pub fn get(&self, object: &str, id: Uuid) -> Option<&Arc<Record>> {
        self.records.get(object)?.get(&id)
    }

    /// The records of an object that are not deleted, by id.
    pub fn live(&self, object: &str) -> impl Iterator<Item = &Arc<Record>> {
        self.records.get(object).into_iter().flat_map(|records| records.values()).filter(|record| !record.is_deleted())
    }

    /// The live record with this key.
    pub fn by_key(&self, model: &Model, object: &str, key: &str) -> Option<Uuid> {
        let slot = model.object(object)?.key?;
        let mut records = self.records.get(object)?.values();
        records
            .find(|record| record.values[slot].as_text() == Some(key) && !record.is_deleted())
            .map(|record| record.id())
    }

    /// Live owned rows of a record, in their order.
    pub fn children(&self, object: &str, parent: Uuid) -> Vec<Arc<Record>> {
        let mut rows: Vec<Arc<Record>> =
            self.live(object).filter(|row| row.parent() == Some(parent)).cloned().collect();
        rows.sort_by_key(|row| (row.values[slot::POSITION].as_decimal(), row.id()));
        rows
    }

    /// Lines that are no reversal and that no reversal takes back, in the order they were posted.
    pub fn standing(&self) -> Vec<Arc<Line>> {
        let taken_back: BTreeSet<Uuid> = self.lines.iter().filter_map(|line| line.reverses).collect();
        self.lines.iter().filter(|line| !line.takes_back() && !taken_back.contains(&line.id)).cloned().collect()
    }

    /// The next number of a counter; counters start at 1.
    pub fn next_number(&mut self, counter: &Counter) -> i64 {
        let last = self.numbers.entry(counter.clone()).or_default();
        *last += 1;
        *last
    }

    fn collection(&mut self, object: &Name) -> Arc<Collection> {
        if let Some(kept) = self.collections.get(object) {
            return kept.clone();
        }
        let revision = self.revisions.get(object).copied().unwrap_or(0);
        let collection = Arc::new(Collection::new(revision, self.live(object).cloned().collect()));
        self.collections.insert(object.clone(), collection.clone());
        collection
    }

    /// Fields of live records that lead to a record. System fields (who made it, whose it is) do not count.
    fn referrers(&self, model: &Model, object: &Name, id: Uuid) -> Vec<String> {
        let mut found = Vec::new();
        for (name, referring) in &model.objects {
            for (slot, field) in referring.fields.iter().enumerate().skip(slot::OWN) {
                let (FieldKind::Id { to, .. } | FieldKind::Ids { to }) = &field.kind else { continue };
                let refers = |record: &Arc<Record>| match &record.values[slot] {
                    Value::List(ids) => ids.contains(&Value::Id(id)),
                    value => *value == Value::Id(id),
                };
                if to.contains(object) && self.live(name).any(refers) {
                    found.push(format!("{name}.{}", field.name));
                }
            }
        }
        found
    }

    /// Live records with a reference to a record that its deletion empties.
    fn referring(&self, model: &Model, id: Uuid) -> Vec<Arc<Record>> {
        let mut found = Vec::new();
        for (name, object) in &model.objects {
            let slots: Vec<usize> =
                object.own_fields().filter(|(_, field)| is_cleared(object, field)).map(|(slot, _)| slot).collect();
            let refers = |record: &&Arc<Record>| slots.iter().any(|slot| record.values[*slot] == Value::Id(id));
            found.extend(self.live(name).filter(refers).cloned());
        }
        found
    }

    fn since(&self, object: &Name, id: Uuid, version: i64) -> Since {
        let mut since = Since { upto: version, ..Since::default() };
        for event in self.events.iter().filter(|event| event.record == id && event.object == *object) {
            if event.version == since.upto + 1 {
                since.upto = event.version;
                for (field, change) in &event.changes {
                    since.base.entry(field.clone()).or_insert_with(|| change.old.clone());
                }
            }
        }
        since
    }

    /// Writes everything of a decision, or refuses and writes nothing.
    fn apply(&mut self, model: &Model, decision: &Decision) -> Result<(), Box<Refusal>> {
        self.check(model, decision)?;
        for write in &decision.writes {
            let (Write::Insert(record) | Write::Update { record, .. }) = write else { continue };
            self.touch(&record.object).insert(record.id(), record.clone());
        }
        for write in &decision.writes {
            let Write::Remove { object, id, .. } = write else { continue };
            self.touch(object).remove(id);
        }
        self.events.extend(decision.events.iter().cloned().map(Arc::new));
        for todo in &decision.todos {
            let key = (todo.object.clone(), todo.record, todo.todo.clone());
            if todo.open {
                self.todos.entry(key).or_insert_with(|| todo.clone());
            } else {
                self.todos.remove(&key);
            }
        }
        for change in &decision.files {
            match change {
                FileChange::Add(file) => {
                    self.attachments.insert(file.id, file.clone());
                }
                FileChange::Claim { id, record, field, .. } => {
                    if let Some(file) = self.attachments.get_mut(id) {
                        (file.record, file.field) = (Some(*record), Some(field.clone()));
                    }
                }
                FileChange::Drop { id, .. } => {
                    self.attachments.remove(id);
                }
            }
        }
        self.state(decision);
        self.lines.extend(decision.lines.iter().cloned().map(Arc::new));
        self.entries.extend(decision.entries.iter().cloned().map(Arc::new));
        self.change_statements(decision);
        Ok(())
    }

    /// The records of an object, to be written.
    fn touch(&mut self, object: &Name) -> &mut Records {
        self.collections.remove(object);
        *self.revisions.entry(object.clone()).or_default() += 1;
        Arc::make_mut(self.records.entry(object.clone()).or_default())
    }

    fn check(&self, model: &Model, decision: &Decision) -> Result<(), Box<Refusal>> {
        let mut rewritten: BTreeSet<Uuid> = BTreeSet::new();
        let mut written: Vec<&Arc<Record>> = Vec::new();
        for write in &decision.writes {
            let (object, id, expected) = match write {
                Write::Insert(record) => (&record.object, record.id(), None),
                Write::Update { record, expected, .. } => (&record.object, record.id(), Some(*expected)),
                Write::Remove { object, id, expected } => (object, *id, Some(*expected)),
            };
            let stored = self.get(object, id).map(|record| record.version());
            if stored != expected {
                let detail = format!("`{object}` `{id}` was changed by somebody else");
                return Err(Box::new(Refusal::new(Code::StaleVersion, detail).with("version", stored)));
            }
            rewritten.insert(id);
            if let Write::Insert(record) | Write::Update { record, .. } = write {
                written.push(record);
            }
        }
        for record in written.iter().copied().filter(|record| !record.is_deleted()) {
            let Some(object) = model.object(&record.object) else { continue };
            for slots in uniques(object) {
                let same = |other: &&Arc<Record>| {
                    slots
                        .iter()
                        .all(|slot| !other.values[*slot].is_null() && other.values[*slot] == record.values[*slot])
                };
                let stored =
                    self.records.get(&record.object).into_iter().flat_map(|records| records.values()).filter(same);
                let kept = stored.filter(|other| !other.is_deleted() && !rewritten.contains(&other.id())).count();
                let beside = written
                    .iter()
                    .copied()
                    .filter(|other| other.object == record.object && !other.is_deleted())
                    .filter(same);
                if kept + beside.count() > 1 {
                    return Err(Box::new(not_unique(object, &slots)));
                }
            }
        }
        self.check_statements(decision)?;
        self.check_lines(model, decision)
    }

    /// What a line may never do, whoever decided it: enter a closed period or an issued statement, take back what does
    /// not stand, stand beside another one for the same fact.
    fn check_lines(&self, model: &Model, decision: &Decision) -> Result<(), Box<Refusal>> {
        let wrong = |detail: String| Err(Box::new(Refusal::new(Code::Internal, detail)));
        let mut standing: BTreeMap<Uuid, &Line> = BTreeMap::new();
        let posted = self.standing();
        standing.extend(posted.iter().map(|line| (line.id, &**line)));
        for line in &decision.lines {
            let calendar = model.plans.get(&line.plan).map(|plan| &plan.calendar);
            if calendar
                .and_then(|calendar| self.closed.get(calendar))
                .is_some_and(|closed| closed.contains(&*line.period))
            {
                let detail = format!("a line cannot be posted into the closed period {}", line.period);
                return Err(Box::new(Refusal::new(Code::PeriodClosed, detail)));
            }
            if self
                .statements
                .iter()
                .any(|statement| Some(statement.id) == line.statement && statement.status != StatementStatus::Draft)
            {
                return wrong(format!("the line `{}` was placed on an issued statement", line.id));
            }
            match line.reverses {
                Some(_) if line.restates() => {
                    standing.insert(line.id, line);
                }
                Some(former) if standing.remove(&former).is_none() => {
                    return wrong(format!("the line `{former}` is taken back, but does not stand"));
                }
                Some(_) => {}
                None => {
                    if standing.values().any(|other| key_of(model, other) == key_of(model, line)) {
                        return wrong(format!("two lines `{}` stand for the fact `{}`", line.line, line.fact));
                    }
                    standing.insert(line.id, line);
                }
            }
        }
        Ok(())
    }
}

type LineKey<'l> = (&'l str, &'l str, Uuid, Uuid, Uuid, Option<(&'l str, &'l str)>);

/// What identifies a standing line: plan, line id, fact, payer, payee; of a period's lines also the period, and of what is
/// due the one it was posted in, as it is told by what stands in closed ones.
fn key_of<'l>(model: &Model, line: &'l Line) -> LineKey<'l> {
    let of_period = model.plans.get(&line.plan).is_some_and(|plan| plan.in_state().is_none());
    let posted_in = if line.trace.due.is_some() { &*line.period } else { "" };
    let period = of_period.then_some((&*line.service_period, posted_in));
    (&line.plan, &line.line, line.fact, line.payer.id, line.payee.id, period)
}

/// Slots, alone or together, that no two live records share. Null is never equal to anything.
fn uniques(object: &Object) -> impl Iterator<Item = Vec<usize>> {
    let alone = object.fields.iter().enumerate().filter(|(slot, field)| field.unique || object.key == Some(*slot));
    alone.map(|(slot, _)| vec![slot]).chain(object.unique.iter().map(|(_, slots)| slots.clone()))
}

fn not_unique(object: &Object, slots: &[usize]) -> Refusal {
    let names: Vec<&str> = slots.iter().map(|slot| &*object.fields[*slot].name).collect();
    let message = format!("another `{}` has the same `{}`", object.name, names.join("`, `"));
    let errors = names
        .iter()
        .map(|name| FieldError::new(Code::NotUnique, format!("/{name}"), message.clone()).with("field", *name));
    Refusal::of_fields(errors.collect())
}

fn is_in_group(line: &Line, query: &CumulationQuery) -> bool {
    line.plan == query.plan
        && (line.line == query.line || (query.counts == Counts::Amount && counts_as(&line.line, &query.line)))
        && line.group.as_deref() == Some(&*query.group)
        && line.group_period.as_deref() == Some(&*query.period)
}

/// What the lines of a group were charged by one schedule, where a closed period was left.
fn charged(lines: &[Arc<Line>], standing: &[Arc<Line>], query: &CumulationQuery) -> Option<Decimal> {
    let (schedule, currency) = query.charged_by.as_ref()?;
    let left = |line: &Arc<Line>| line.reverses.is_some() && line.corrects.is_some() && is_in_group(line, query);
    if !lines.iter().any(left) {
        return None;
    }
    let by = |line: &Line| line.trace.price.as_ref().and_then(|price| price.schedule.clone());
    let of_group = standing.iter().filter(|line| is_in_group(line, query));
    of_group
        .map(|line| (by(line).as_ref() == Some(schedule) && line.currency == *currency).then(|| line.charged()))
        .sum()
}

/// What stands in a group: the quantity before a place, and the facts after it.
fn cumulated(model: &Model, standing: &[Arc<Line>], query: &CumulationQuery) -> Cumulated {
    let mut found = Cumulated::default();
    let mut later: BTreeMap<((Date, Uuid), usize), Behind> = BTreeMap::new();
    for (index, line) in standing.iter().enumerate().filter(|(_, line)| is_in_group(line, query)) {
        let place = (line.business_date, line.fact);
        let from_there = query.before.is_some_and(|before| place >= before);
        found.within += usize::from(from_there && query.until.is_some_and(|until| place <= until));
        match query.before {
            Some(before) if place > before => {
                let schedule = line.trace.price.as_ref().and_then(|price| price.schedule.clone());
                later.insert((place, index), Behind { fact: line.fact, quantity: line.quantity, schedule });
            }
            Some(before) if place == before => {}
            _ => {
                found.sum += match query.counts {
                    Counts::Quantity => line.quantity,
                    Counts::Amount => line.gross,
                }
            }
        }
    }
    found.later = may_move(model, query, found.sum, &later.into_values().collect::<Vec<_>>());
    found
}
