//! What a command is, and what deciding it gives: plain data, nothing left to choose when it is carried out.

use crate::access::SettlementAction;
use crate::attachment::{Attachment, FileChange};
use crate::facts::{Counter, Need};
use crate::moment::{Date, Moment};
use crate::record::{Name, Record};
use crate::refusal::Refusal;
use crate::settlement::line::{Entry, Line, StatementKey, StatementStatus};
use crate::settlement::plan::NumberFormat;
use crate::settlement::statement::{Dispute, DisputeOutcome, SettledDispute};
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What somebody wants done to records.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Create {
        object: Name,
        input: Map<String, Json>,
    },
    /// Without a version the change is made whatever the record's is.
    Update {
        object: Name,
        id: Uuid,
        version: Option<i64>,
        input: Map<String, Json>,
    },
    /// Creates a record, or changes the one that has this value in a unique field.
    Upsert {
        object: Name,
        field: Name,
        value: Json,
        input: Map<String, Json>,
    },
    Delete {
        object: Name,
        id: Uuid,
        version: Option<i64>,
    },
    Restore {
        object: Name,
        id: Uuid,
        version: Option<i64>,
    },
    Transition {
        object: Name,
        id: Uuid,
        version: Option<i64>,
        transition: String,
        input: Map<String, Json>,
    },
    /// Gives a record that is older than its definition what has become required or is computed since.
    Complete {
        object: Name,
        id: Uuid,
    },
    /// The same, though the new record looks like others where a rule only warns.
    AcceptingDuplicates(Box<Command>),
    /// Settles facts of one unit of a run: the lines that should exist against those posted.
    Settle(SettleUnit),
    /// The same by other terms.
    SettleBy(SettleUnit, Terms),
    /// Takes a statement a step further, disputes its lines or takes it back.
    Statement(StatementCommand),
    /// Takes a file in, for the record and field it says.
    Attach(Box<Attachment>),
    /// Gives a file up; `of` is the record it belongs to.
    Detach {
        id: Uuid,
        of: Option<(Name, Uuid)>,
    },
    /// Adds a row to a rate table, in the form of the table's `rows`.
    AddRate {
        table: Name,
        row: Map<String, Json>,
    },
    /// Ends a row of a rate table on a date; what was known before stays known.
    CloseRate {
        table: Name,
        row: Uuid,
        valid_to: crate::moment::Date,
    },
    /// Changes rows of a rate table together: all of it or nothing.
    ChangeRates(RateChanges),
}

impl Command {
    /// The command without what it accepts.
    pub fn plain(&self) -> &Command {
        match self {
            Command::AcceptingDuplicates(command) => command.plain(),
            command => command,
        }
    }
}

/// Changes of one rate table, as they were written: `{"op": "add"|"close"|"change"|"reopen"|"undo", …}`; at most
/// [`RATE_CHANGES_MAX`].
#[derive(Clone, Debug, PartialEq)]
pub struct RateChanges {
    pub table: Name,
    /// The revision of the table they were planned over; another one by now is a refusal.
    pub revision: Option<i64>,
    pub changes: Vec<Map<String, Json>>,
}

/// The most changes of one command: a second or so of the writer.
pub const RATE_CHANGES_MAX: usize = 5_000;

/// Facts of one unit, in (business date, id) order, that one command settles: at most [`UNIT_FACTS_MAX`].
#[derive(Clone, Debug, PartialEq)]
pub struct SettleUnit {
    pub plan: Name,
    pub run: Uuid,
    /// The period that is run over.
    pub period: String,
    pub facts: Vec<Uuid>,
}

/// By which rates facts are settled, and against what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    pub pin: Pin,
    pub against: Against,
    pub traces: Traces,
}

/// Whether lines say what they were made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Traces {
    #[default]
    Kept,
    /// Only what they come to. To look at, not to write: nobody could explain such a line, nor tell later that it is right.
    Left,
}

/// Which rates hold for a fact that was settled before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// Those its lines were made by, where the same is asked again.
    #[default]
    AsRecorded,
    /// Those that are in the tables now. Who takes part in a chain stays as it was recorded.
    Latest,
}

/// What the lines that should exist are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Against {
    /// Lines that stand: the decision is the difference.
    #[default]
    Posted,
    /// Nothing: the decision is all lines, on no statement, as if every period were open. To look at, not to write.
    Nothing,
}

/// What somebody wants done with a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementCommand {
    pub id: Uuid,
    /// The statement's definition: what must not post meanwhile follows from it.
    pub form: Name,
    pub version: i64,
    pub step: StatementStep,
}

#[derive(Clone, Debug, PartialEq)]
pub enum StatementStep {
    Issue,
    Confirm,
    Pay,
    /// Gives its debt up.
    WriteOff {
        reason: String,
    },
    /// Takes it back, in a period or in the first open one.
    Reverse {
        reason: String,
        period: Option<String>,
    },
    Dispute {
        lines: Vec<Uuid>,
        reason: String,
    },
    /// Ends a dispute about one of its lines.
    Settle {
        dispute: Uuid,
        outcome: DisputeOutcome,
        note: Option<String>,
    },
}

impl StatementStep {
    /// What the step is called where it is asked for.
    pub fn name(&self) -> &'static str {
        match self {
            StatementStep::Issue => "issue",
            StatementStep::Confirm => "confirm",
            StatementStep::Pay => "pay",
            StatementStep::Reverse { .. } => "reverse",
            StatementStep::WriteOff { .. } => "write_off",
            StatementStep::Dispute { .. } => "dispute",
            StatementStep::Settle { outcome: DisputeOutcome::Accepted, .. } => "accept",
            StatementStep::Settle { .. } => "uphold",
        }
    }

    /// Which rights take it: one of them is enough.
    pub fn rights(&self) -> &'static [SettlementAction] {
        use SettlementAction::{Close, Confirm, Issue};
        match self {
            StatementStep::Issue | StatementStep::Pay | StatementStep::Reverse { .. } => &[Issue],
            StatementStep::Confirm | StatementStep::Dispute { .. } => &[Confirm],
            StatementStep::WriteOff { .. } => &[Close],
            StatementStep::Settle { outcome: DisputeOutcome::Accepted, .. } => &[Confirm, Issue],
            StatementStep::Settle { .. } => &[Issue],
        }
    }
}

/// The most facts one command settles; people's commands go between the commands of a run.
pub const UNIT_FACTS_MAX: usize = 5_000;

/// Who acts, when, under which id. Time and identity enter as values.
#[derive(Clone, Debug)]
pub struct Context {
    pub command: Uuid,
    pub moment: Moment,
    pub actor: Arc<Actor>,
}

/// The acting user, as far as decisions know one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Actor {
    pub id: Option<Uuid>,
    pub department: Option<Uuid>,
    pub roles: Vec<String>,
    /// Fields of the user's record that row rules and expressions may read (`user.partner`).
    pub fields: BTreeMap<String, Value>,
}

/// The answer to a command.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, read at once, never stored")]
pub enum Outcome {
    Decided(Box<Decision>),
    Refused(Box<Refusal>),
    /// Fetch these and decide again.
    Needs(Need),
}

/// Everything to be written in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub writes: Vec<Write>,
    pub events: Vec<Event>,
    /// To-dos of the written records, as they should stand afterwards.
    pub todos: Vec<TodoChange>,
    /// What becomes of files, in this order.
    pub files: Vec<FileChange>,
    pub lines: Vec<Line>,
    pub entries: Vec<Entry>,
    /// Draft statements the lines open.
    pub statements: Vec<NewStatement>,
    /// Lines that leave their statement for another.
    pub moves: Vec<LineMove>,
    pub disputes: Vec<DisputeChange>,
    /// What becomes of statements, after everything else.
    pub statement_changes: Vec<StatementChange>,
    /// What settling found, fact by fact.
    pub settled: Settled,
    /// The record the command was about, as it stands afterwards.
    pub subject: Option<(Name, Uuid)>,
}

/// One change of one row. Updates and deletes hold only while the version is `expected`.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    Insert(Arc<Record>),
    /// The whole record as it should stand; `changed` lists the slots that differ.
    Update {
        record: Arc<Record>,
        expected: i64,
        changed: Vec<usize>,
    },
    /// Removes the row for good: only owned child rows whose parent no longer holds them.
    Remove {
        object: Name,
        id: Uuid,
        expected: i64,
    },
}

/// What happened to a record: old and new values, by field, in their JSON form.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: Uuid,
    pub object: Name,
    pub record: Uuid,
    pub kind: EventKind,
    pub transition: Option<String>,
    /// The record's version afterwards.
    pub version: i64,
    pub changes: BTreeMap<String, Change>,
    pub at: Moment,
    pub actor: Option<Uuid>,
    pub command: Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Created,
    Updated,
    Transitioned,
    Deleted,
    Restored,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Created => "created",
            EventKind::Updated => "updated",
            EventKind::Transitioned => "transitioned",
            EventKind::Deleted => "deleted",
            EventKind::Restored => "restored",
        }
    }
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    pub old: Json,
    pub new: Json,
}

/// A to-do that should stand open or closed. Opening an open one and closing a closed one changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct TodoChange {
    pub object: Name,
    pub record: Uuid,
    /// The to-do's name in the object's definition.
    pub todo: String,
    pub role: String,
    pub open: bool,
    pub at: Moment,
}

/// A statement that does not exist yet.
#[derive(Clone, Debug, PartialEq)]
pub struct NewStatement {
    pub id: Uuid,
    pub key: StatementKey,
    pub ordinal: i64,
    pub status: StatementStatus,
    pub at: Moment,
}

/// A statement as it should stand: what is `None` stays as it is. Holds only while its version is `expected`.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementChange {
    pub id: Uuid,
    pub expected: i64,
    pub at: Moment,
    pub status: Option<StatementStatus>,
    pub number: Option<Numbering>,
    pub opening: Option<Decimal>,
    /// Its debt, and the statement that takes it over; none where it is written off.
    pub carried: Option<(Decimal, Option<Uuid>)>,
    pub reverses: Option<Uuid>,
    pub reversed_by: Option<Uuid>,
    pub reason: Option<String>,
}

impl StatementChange {
    /// One that so far only says that the statement was touched.
    pub fn of(id: Uuid, expected: i64, at: Moment) -> StatementChange {
        StatementChange {
            id,
            expected,
            at,
            status: None,
            number: None,
            opening: None,
            carried: None,
            reverses: None,
            reversed_by: None,
            reason: None,
        }
    }
}

/// A number without gaps: taken in the transaction that needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbering {
    pub counter: Counter,
    pub format: NumberFormat,
    pub date: Date,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineMove {
    pub line: Uuid,
    pub to: Uuid,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DisputeChange {
    Open(Dispute),
    Settle { id: Uuid, settled: SettledDispute },
}

/// What settling found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    pub facts: u64,
    /// Facts whose posted lines were already right.
    pub unchanged: u64,
    /// Facts left out, each with its reason; the others are settled.
    pub failures: Vec<FactFailure>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FactFailure {
    pub object: Name,
    pub fact: Uuid,
    pub refusal: Refusal,
}
