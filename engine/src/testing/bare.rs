//! The bare engine as a world for cases: commands over an in-memory store, asked for the same rights and answered in the
//! same JSON as HTTP does.

use super::case::{Answer, Refused, World};
use super::memory::Memory;
use super::rows;
use super::totals::as_read;
use crate::access::{Action, Rights, SettlementAction, forbidden};
use crate::codes::Code;
use crate::decision::{Actor, Command, Context, Decision, StatementStep};
use crate::facts::StatementsAsked;
use crate::model::Model;
use crate::moment::Moment;
use crate::object::{FieldKind, Object};
use crate::record::{Name, Record, slot};
use crate::refusal::Refusal;
use crate::settlement::desired::treatment_name;
use crate::settlement::line::Line;
use crate::settlement::statement::position::Position;
use crate::settlement::statement::{DisputeOutcome, Statement};
use crate::settlement::trace::Trace;
use crate::suggest;
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// The object whose records are the users.
const USER: &str = "user";
/// The administrator's login; the system acts where there is no such user.
const ADMIN: &str = "admin";

/// One tenant without a shell around it.
#[derive(Clone, Debug)]
pub struct Bare {
    pub model: Arc<Model>,
    pub memory: Memory,
    now: Moment,
    actor: Arc<Actor>,
    rights: Rights,
}

impl Bare {
    /// A world over a store, which stays as it is. The system acts.
    pub fn over(model: Arc<Model>, memory: &Memory) -> Bare {
        Bare {
            model,
            memory: memory.clone(),
            now: Moment::from_micros(0),
            actor: Arc::default(),
            rights: Rights::system(),
        }
    }

    /// Carries out a command without asking for rights.
    pub fn execute(&mut self, command: &Command) -> Result<Box<Decision>, Box<Refusal>> {
        let context = self.context();
        self.memory.execute(&self.model, command, &context)
    }

    pub fn context(&mut self) -> Context {
        Context { command: self.memory.next_command(), moment: self.now, actor: self.actor.clone() }
    }

    fn object(&self, name: &str) -> Result<Arc<Object>, Box<Refusal>> {
        self.model.object(name).cloned().ok_or_else(|| {
            let hint = suggest::hint(name, self.model.objects.keys().map(|name| &**name));
            Box::new(Refusal::new(Code::UnknownObject, format!("there is no object `{name}`; {hint}")))
        })
    }

    /// The object and the record, as far as they may be seen.
    fn visible(&self, object: &str, id: Uuid) -> Result<(Arc<Object>, Arc<Record>), Box<Refusal>> {
        let object = self.object(object)?;
        self.may(&object, Action::Read, "read")?;
        let rows = self.rights.rows(&object.name);
        let seen =
            |record: &&Arc<Record>| !record.is_deleted() && rows::holds(&self.memory, &self.model, &rows, record);
        match self.memory.get(&object.name, id).filter(seen) {
            Some(record) => Ok((object, record.clone())),
            None => Err(Box::new(Refusal::new(Code::NotFound, format!("there is no `{}` `{id}`", object.name)))),
        }
    }

    fn may(&self, object: &Object, action: Action<'_>, name: &str) -> Result<(), Box<Refusal>> {
        match self.rights.may(&object.name, action) {
            true => Ok(()),
            false => Err(Box::new(forbidden(&object.name, name))),
        }
    }

    fn may_settle(&self, action: SettlementAction, name: &str) -> Result<(), Box<Refusal>> {
        match self.rights.may_settle(action) {
            true => Ok(()),
            false => Err(Box::new(forbidden("settlement", name))),
        }
    }

    fn written(&mut self, command: &Command) -> Answer {
        let decision = self.execute(command)?;
        let subject = decision.subject.as_ref().and_then(|(object, id)| self.record(object, &id.to_string()));
        Ok(subject.unwrap_or_default())
    }

    fn refer(&self, object: &Name, id: Uuid) -> Json {
        let record = self.memory.get(object, id).zip(self.model.object(object));
        let title = record.map(|(record, object)| record.values[object.display].to_json());
        json!({"object": &**object, "id": id, "title": title})
    }

    fn record_json(&self, object: &Object, record: &Record) -> Json {
        let mut shown = Map::new();
        for (slot, field) in object.fields.iter().enumerate().filter(|(_, field)| field.day_of.is_none()) {
            let json = match (&field.kind, slot) {
                (_, slot::TRACE) => continue,
                (_, slot::VERSION) => json!(record.version()),
                (FieldKind::Items { to }, _) => {
                    let child = self.model.object(to);
                    let rows = self.memory.children(to, record.id());
                    child.map_or(Json::Null, |child| rows.iter().map(|row| self.record_json(child, row)).collect())
                }
                _ => record.values[slot].to_json(),
            };
            shown.insert(field.name.to_string(), json);
        }
        Json::Object(shown)
    }

    fn line_json(&self, line: &Line) -> Json {
        let kind = match (line.takes_back(), &line.corrects) {
            (true, _) => "reversal",
            (false, Some(_)) => "correction",
            (false, None) => "charge",
        };
        let dimensions: BTreeMap<&str, Json> =
            line.dimensions.iter().map(|(name, value)| (&**name, value.to_json())).collect();
        let mut shown = json!({
            "id": line.id,
            "plan": &*line.plan,
            "line": &*line.line,
            "kind": kind,
            "fact": self.refer(&line.fact_object, line.fact),
            "payer": self.refer(&line.payer.object, line.payer.id),
            "payee": self.refer(&line.payee.object, line.payee.id),
            "business_date": line.business_date.to_string(),
            "period": line.period,
            "service_period": line.service_period,
            "quantity": line.quantity.to_string(),
            "amount": line.gross.to_string(),
            "tax": line.tax.to_string(),
            "net": line.net.to_string(),
            "tax_rate": line.tax_rate.to_string(),
            "tax_kind": treatment_name(line.tax_kind),
            "currency": &*line.currency,
            "dimensions": dimensions,
            "sentence": sentence(&line.trace),
        });
        for (name, id) in [("reverses", line.reverses), ("run", line.run), ("statement", line.statement)] {
            if let Some(id) = id {
                shown[name] = json!(id);
            }
        }
        if let Some(corrects) = &line.corrects {
            shown["corrects"] = json!(corrects);
        }
        shown
    }

    fn statement_json(&self, statement: &Statement) -> Json {
        let form = self.model.statements.get(&statement.key.statement);
        let mut shown = json!({
            "id": statement.id,
            "number": statement.number,
            "status": statement.status.as_str(),
            "payer": self.refer(&statement.key.payer.object, statement.key.payer.id),
            "payee": self.refer(&statement.key.payee.object, statement.key.payee.id),
            "period": statement.key.period,
            "currency": &*statement.key.currency,
            "gross": statement.gross.to_string(),
            "tax": statement.tax.to_string(),
            "net": statement.net.to_string(),
            "line_count": statement.lines,
            "opening": statement.opening.to_string(),
            "payable": statement.payable(form).to_string(),
            "debt": statement.debt(form).to_string(),
        });
        if form.is_some_and(|form| form.netting) {
            let pair = self.memory.stated(&StatementsAsked::Pair(statement.key.clone()));
            let position = Position::of(&statement.key, pair.statements.iter());
            shown["net_position"] = json!({
                "payer": self.refer(&position.payer.object, position.payer.id),
                "payee": self.refer(&position.payee.object, position.payee.id),
                "owed": position.owed.to_string(),
                "counter": position.counter.to_string(),
                "net": position.net().to_string(),
            });
        }
        shown
    }
}

impl World for Bare {
    fn set_now(&mut self, now: Moment) -> Result<(), String> {
        self.now = now;
        Ok(())
    }

    fn act_as(&mut self, login: Option<&str>) -> Result<(), String> {
        let user = self
            .memory
            .by_key(&self.model, USER, login.unwrap_or(ADMIN))
            .and_then(|id| self.memory.get(USER, id).cloned());
        (self.actor, self.rights) = match (user, login) {
            (Some(user), _) => {
                let actor = actor_of(&self.model, &user);
                let rights = Rights::of(&self.model, &actor);
                (Arc::new(actor), rights)
            }
            (None, None | Some(ADMIN)) => (Arc::default(), Rights::system()),
            (None, Some(login)) => return Err(format!("there is no user `{login}`")),
        };
        Ok(())
    }

    fn create(&mut self, object: &str, input: &Map<String, Json>) -> Answer {
        let object = self.object(object)?;
        self.may(&object, Action::Create, "create")?;
        self.written(&Command::Create { object: object.name.clone(), input: input.clone() })
    }

    fn update(&mut self, object: &str, id: &str, input: &Map<String, Json>) -> Answer {
        let (object, record) = self.visible(object, read_id(id))?;
        self.may(&object, Action::Update, "update")?;
        self.written(&Command::Update {
            object: object.name.clone(),
            id: record.id(),
            version: Some(record.version()),
            input: input.clone(),
        })
    }

    fn delete(&mut self, object: &str, id: &str) -> Answer {
        let (object, record) = self.visible(object, read_id(id))?;
        self.may(&object, Action::Delete, "delete")?;
        self.written(&Command::Delete { object: object.name.clone(), id: record.id(), version: Some(record.version()) })
    }

    fn transition(&mut self, object: &str, id: &str, transition: &str, input: &Map<String, Json>) -> Answer {
        let (object, record) = self.visible(object, read_id(id))?;
        if object.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.transition(transition).is_some()) {
            self.may(&object, Action::Transition(transition), transition)?;
        }
        self.written(&Command::Transition {
            object: object.name.clone(),
            id: record.id(),
            version: Some(record.version()),
            transition: transition.to_owned(),
            input: input.clone(),
        })
    }

    fn add_rate(&mut self, table: &str, row: &Map<String, Json>) -> Answer {
        let object = self.object(table)?;
        self.may(&object, Action::Create, "create")?;
        self.written(&Command::AddRate { table: object.name.clone(), row: row.clone() })
    }

    fn settle(&mut self, plan: &str, period: &str) -> Answer {
        self.may_settle(SettlementAction::Run, "run")?;
        let context = self.context();
        let run = self.memory.run(&self.model, plan, period, &context)?;
        let fact_object = self.model.plans.get(plan).map(|plan| plan.object.clone());
        let failures = run.failures.iter().map(|(fact, refusal)| {
            let fact = fact_object.as_ref().zip(*fact).map(|(object, fact)| self.refer(object, fact));
            json!({"fact": fact, "code": refusal.code, "detail": refusal.detail})
        });
        let failures: Vec<Json> = failures.collect();
        Ok(json!({
            "id": run.id, "plan": plan, "period": period, "status": run.status(), "facts": run.facts, "lines": run.lines,
            "unchanged": run.unchanged, "failures": failures,
        }))
    }

    fn close(&mut self, calendar: &str, period: &str) -> Answer {
        self.may_settle(SettlementAction::Close, "close")?;
        let context = self.context();
        self.memory.close(&self.model, calendar, period, &context)?;
        Ok(json!({"name": period, "status": "closed"}))
    }

    fn advance(&mut self, statement: &str, step: &str, with: &Map<String, Json>) -> Answer {
        let taken = self.statement_step(step, with)?;
        if !taken.rights().iter().any(|action| self.rights.may_settle(*action)) {
            return Err(Box::new(forbidden("settlement", step)).into());
        }
        let context = self.context();
        let id = read_id(statement);
        self.memory.advance(&self.model, id, taken, &context)?;
        Ok(self.memory.statement(id).map(|statement| self.statement_json(&statement)).unwrap_or_default())
    }

    fn find(&mut self, object: &str, key: &str) -> Option<String> {
        self.memory.by_key(&self.model, object, key).map(|id| id.to_string())
    }

    fn record(&mut self, object: &str, id: &str) -> Option<Json> {
        Bare::record(self, object, id)
    }

    fn lines(&mut self) -> Vec<Json> {
        self.memory.lines.iter().map(|line| self.line_json(line)).collect()
    }

    fn statements(&mut self) -> Vec<Json> {
        let ids: Vec<Uuid> = self.memory.statements.iter().map(|statement| statement.id).collect();
        ids.into_iter()
            .filter_map(|id| self.memory.statement(id))
            .map(|statement| self.statement_json(&statement))
            .collect()
    }

    fn todos(&mut self) -> Vec<Json> {
        let todos = self.memory.todos.values();
        todos
            .map(|todo| json!({"code": todo.todo, "record": self.refer(&todo.object, todo.record), "role": todo.role}))
            .collect()
    }

    fn trial_balance(&mut self) -> BTreeMap<String, (Decimal, Decimal)> {
        let mut sums: BTreeMap<String, (Decimal, Decimal)> = BTreeMap::new();
        for entry in &self.memory.entries {
            let (debit, credit) = sums.entry(entry.currency.to_string()).or_default();
            *debit += entry.debit;
            *credit += entry.credit;
        }
        sums
    }
}

impl Bare {
    fn record(&self, object: &str, id: &str) -> Option<Json> {
        let object = self.model.object(object)?;
        let record = self.memory.get(&object.name, read_id(id)).filter(|record| !record.is_deleted())?;
        let context = Context { command: Uuid::nil(), moment: self.now, actor: self.actor.clone() };
        Some(self.record_json(object, &as_read(&self.memory, &self.model, record, &context)))
    }
}

impl Bare {
    fn statement_step(&self, step: &str, with: &Map<String, Json>) -> Result<StatementStep, Refused> {
        let text = |member: &str| with.get(member).and_then(Json::as_str).map(str::to_owned);
        let reason = || text("reason").unwrap_or_default();
        let settle = |outcome| {
            let line = text("line").map(|line| read_id(&line));
            let open = self.memory.disputes.iter().find(|it| Some(it.line) == line && it.settled.is_none());
            let dispute = open.ok_or_else(|| Refused::because("the line is not disputed".to_owned()))?.id;
            Ok(StatementStep::Settle { dispute, outcome, note: text("note") })
        };
        Ok(match step {
            "issue" => StatementStep::Issue,
            "confirm" => StatementStep::Confirm,
            "pay" => StatementStep::Pay,
            "reverse" => StatementStep::Reverse { reason: reason(), period: text("period") },
            "write_off" => StatementStep::WriteOff { reason: reason() },
            "dispute" => {
                let lines = with.get("lines").and_then(Json::as_array).into_iter().flatten();
                StatementStep::Dispute {
                    lines: lines.filter_map(Json::as_str).map(read_id).collect(),
                    reason: reason(),
                }
            }
            "accept" => return settle(DisputeOutcome::Accepted),
            "uphold" => return settle(DisputeOutcome::Upheld),
            other => return Err(Refused::because(format!("a statement has no step `{other}`"))),
        })
    }
}

/// The actor a user's record stands for.
fn actor_of(model: &Model, user: &Record) -> Actor {
    let Some(object) = model.object(USER) else { return Actor::default() };
    let fields: BTreeMap<String, Value> =
        object.fields.iter().zip(&user.values).map(|(field, value)| (field.name.to_string(), value.clone())).collect();
    let roles = match fields.get("roles") {
        Some(Value::List(roles)) => roles.iter().filter_map(Value::as_text).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Actor { id: Some(user.id()), department: user.department(), roles, fields }
}

/// What is no id names no record.
fn read_id(text: &str) -> Uuid {
    text.parse().unwrap_or_default()
}

/// A trace in one line: what was priced, before which quantity, by which rows, and how it was rounded and taxed.
pub fn sentence(trace: &Trace) -> String {
    let mut parts = Vec::new();
    if let Some(price) = &trace.price {
        let tiers: Vec<String> =
            price.parts.iter().map(|part| format!("{} × {} = {}", part.quantity, part.rate, part.amount)).collect();
        parts.push(if tiers.is_empty() { price.amount.to_string() } else { tiers.join(" + ") });
        parts.extend(price.made_up.map(|made_up| format!("makes up {made_up}")));
        parts.extend(price.schedule.as_ref().map(|schedule| format!("by {schedule}")));
        parts.extend(price.before.map(|before| format!("after {before}")));
    }
    parts.extend(trace.lookups.iter().map(|lookup| {
        format!("{}: row {} of {} on {}", lookup.found.step, lookup.found.row, lookup.found.table, lookup.date)
    }));
    parts.extend(
        trace.rounded.iter().filter(|rounded| rounded.before != rounded.after).map(|rounded| {
            format!("{} {} rounded {} to {}", rounded.point, rounded.before, rounded.mode, rounded.after)
        }),
    );
    parts.extend(
        trace.tax.as_ref().map(|tax| format!("tax {} at {} of {} is {}", tax.kind, tax.rate, tax.gross, tax.tax)),
    );
    parts.extend(trace.reason.as_deref().map(str::to_owned));
    parts.join("; ")
}
