//! Facts: the snapshot a decision reads, and the needs it states when something is missing.
//! The engine never waits; whoever runs it fetches what is needed and asks again.

use crate::attachment::Attachment;
use crate::decision::Write;
use crate::hashing::ByNameAndId;
use crate::moment::Date;
use crate::record::{Name, Record};
use crate::settlement::chain::LEVELS_MAX;
use crate::settlement::desired::Counts;
use crate::settlement::line::{Line, StatementHead, StatementKey};
use crate::settlement::rate::Rates;
use crate::settlement::settle::Ahead;
use crate::settlement::statement::{Dispute, StatedLine, Statement};
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// What a decision may read. A key that is absent was not fetched; `None` means it does not exist.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub records: ByNameAndId<Option<Arc<Record>>>,
    /// Files by id; those given up are not there.
    pub attachments: BTreeMap<Uuid, Option<Attachment>>,
    /// Records found by their key field.
    pub keys: BTreeMap<(Name, String), Option<Uuid>>,
    /// Records found by a unique field: (object, field, value).
    pub holders: BTreeMap<(Name, Name, Value), Option<Uuid>>,
    /// Live records with this key of a rule about duplicates: (object, rule, key), in the order of their ids; at most
    /// [`crate::object::duplicate::CANDIDATES_MAX`] and the asking one.
    pub duplicates: BTreeMap<(Name, Name, String), Vec<Uuid>>,
    /// Whole objects that are small and read by everyone: regions, dated classification rows, rate rows.
    pub collections: BTreeMap<Name, Arc<Collection>>,
    /// Owned child rows by (child object, parent), in their order.
    pub children: BTreeMap<(Name, Uuid), Vec<Arc<Record>>>,
    /// Owned rows that went to the recycle bin with their parent, by (child object, parent).
    pub deleted_children: BTreeMap<(Name, Uuid), Vec<Arc<Record>>>,
    /// Live records whose references to this one are emptied when it is deleted; at most one more than may be.
    pub referring: BTreeMap<(Name, Uuid), Vec<Arc<Record>>>,
    /// What was changed of a record after a version.
    pub since: BTreeMap<(Name, Uuid, i64), Arc<Since>>,
    /// Whether any record refers to this one, by `object.field` that does.
    pub referrers: BTreeMap<(Name, Uuid), Vec<String>>,
    /// The next number of a counter.
    pub numbers: BTreeMap<Counter, i64>,
    /// The closed periods of a calendar.
    pub closed_periods: BTreeMap<Name, BTreeSet<String>>,
    /// The newest statement of two parties for a period.
    pub statements: BTreeMap<StatementKey, Option<StatementHead>>,
    /// Statements with what hangs on them, as they were asked for.
    pub stated: BTreeMap<StatementsAsked, Stated>,
    /// Posted lines that still stand (not reversed), by (plan, fact).
    pub lines: ByNameAndId<Vec<Arc<Line>>>,
    /// Posted quantities of cumulation groups.
    pub cumulated: BTreeMap<CumulationQuery, Cumulated>,
    /// What accumulators count, in the order of business date and id.
    pub totals: BTreeMap<TotalQuery, Vec<Counted>>,
    /// Whether any posted line rests on a row of a rate table: (table, row's name).
    pub rate_uses: BTreeMap<(Name, Name), bool>,
    /// Lines that were worked out from these records before their turn.
    pub ahead: Option<Arc<Ahead>>,
}

/// What was changed of a record after a version: fields with the values they had then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Since {
    pub base: BTreeMap<String, Json>,
    /// The version of the last change. Another one than the record's: not everything is told here.
    pub upto: i64,
}

/// A counter of a sequence: its name and the bucket in which it restarts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    pub sequence: String,
    pub bucket: String,
}

/// Asks for what stands posted in one cumulation group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CumulationQuery {
    pub plan: Name,
    pub line: Name,
    /// The digest of the group's key values.
    pub group: Name,
    /// The cumulation period, by the fact's business date.
    pub period: Name,
    /// Quantities of this line, or amounts of it and of what is derived from it.
    pub counts: Counts,
    /// Only lines of facts before this place in (business date, fact id) order; everything when `None`.
    pub before: Option<(Date, Uuid)>,
    /// Also count the lines from that place on up to this one.
    pub until: Option<(Date, Uuid)>,
    /// Also name the facts after that place whose lines may have to move where the group moves by so much.
    pub later: Option<Decimal>,
    /// Also say what stands charged by this schedule, in this currency: see [`Cumulated::charged`].
    pub charged_by: Option<(Name, Name)>,
}

/// Asks for everything an accumulator counts under a key, on business dates `[from, until)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TotalQuery {
    pub accumulator: Name,
    /// One value per member of its key.
    pub key: Vec<Value>,
    pub from: Date,
    pub until: Date,
}

/// One fact or line that an accumulator counts.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Which of the accumulator's sources it comes from.
    pub source: usize,
    pub date: Date,
    pub of: CountedOf,
}

#[derive(Clone, Debug)]
pub enum CountedOf {
    Record(Arc<Record>),
    /// A line that stands.
    Line(Arc<Line>),
}

impl Counted {
    /// Where it stands among others; lines stand where their facts do.
    pub fn place(&self) -> (Date, Uuid) {
        let id = match &self.of {
            CountedOf::Record(record) => record.id(),
            CountedOf::Line(line) => line.fact,
        };
        (self.date, id)
    }
}

/// Asks for statements and what hangs on them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatementsAsked {
    /// One statement with its disputes.
    One(Uuid),
    /// Lines on a statement, all or some, each with what took it back.
    Lines { of: Uuid, only: Option<BTreeSet<Uuid>> },
    /// Issued statements of these parties, whatever their period, whose lines come to less than nothing and whose debt
    /// nobody took over.
    Debts(StatementKey),
    /// The statements of both directions of a pair in a period.
    Pair(StatementKey),
}

#[derive(Clone, Debug, Default)]
pub struct Stated {
    /// In the order they were opened.
    pub statements: Vec<Statement>,
    pub disputes: Vec<Dispute>,
    pub lines: Vec<StatedLine>,
}

/// What stands posted in a cumulation group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cumulated {
    /// What the lines before the place asked for add up to.
    pub sum: Decimal,
    /// How many lines stand from that place on up to the last one asked for.
    pub within: usize,
    /// Facts of the group after that place, in order, where they were asked for; those whose price does not depend on where
    /// the group stands are left out at its end.
    pub later: Vec<Uuid>,
    /// What all lines of the group were charged before tax, where each was priced by the schedule asked for and one of its
    /// lines was taken back out of a closed period: what stands then need not be what the schedule says of the sum.
    pub charged: Option<Decimal>,
}

/// All records of one small object at one revision, with the indexes made from them on first use.
#[derive(Debug, Default)]
pub struct Collection {
    pub revision: i64,
    pub records: Vec<Arc<Record>>,
    by_id: OnceLock<BTreeMap<Uuid, usize>>,
    pub(crate) rates: OnceLock<Rates>,
    pub(crate) places: OnceLock<crate::object::place::Places>,
    pub(crate) classes: OnceLock<crate::object::classify::Classes>,
}

impl Collection {
    pub fn new(revision: i64, records: Vec<Arc<Record>>) -> Collection {
        Collection { revision, records, ..Collection::default() }
    }

    /// The collection as it stands after writes that are only planned; it is at the same revision.
    pub fn after(&self, object: &str, writes: &[Write]) -> Collection {
        let mut records = self.records.clone();
        let places: BTreeMap<Uuid, usize> =
            records.iter().enumerate().map(|(place, record)| (record.id(), place)).collect();
        for write in writes {
            match write {
                Write::Insert(record) if *record.object == *object => records.push(record.clone()),
                Write::Update { record, .. } if *record.object == *object => {
                    if let Some(place) = places.get(&record.id()) {
                        records[*place] = record.clone();
                    }
                }
                _ => {}
            }
        }
        Collection::new(self.revision, records)
    }

    pub fn get(&self, id: Uuid) -> Option<&Arc<Record>> {
        let index = self
            .by_id
            .get_or_init(|| self.records.iter().enumerate().map(|(index, record)| (record.id(), index)).collect());
        index.get(&id).map(|index| &self.records[*index])
    }
}

/// What is missing for a decision. Fetch all of it in one batch, then decide again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Need {
    pub records: BTreeSet<(Name, Uuid)>,
    pub attachments: BTreeSet<Uuid>,
    pub keys: BTreeSet<(Name, String)>,
    /// Who has a value in a unique field: (object, field, value).
    pub holders: BTreeSet<(Name, Name, Value)>,
    /// Who has this key of a rule about duplicates: (object, rule, key).
    pub duplicates: BTreeSet<(Name, Name, String)>,
    pub collections: BTreeSet<Name>,
    pub children: BTreeSet<(Name, Uuid)>,
    pub deleted_children: BTreeSet<(Name, Uuid)>,
    pub referring: BTreeSet<(Name, Uuid)>,
    pub since: BTreeSet<(Name, Uuid, i64)>,
    pub referrers: BTreeSet<(Name, Uuid)>,
    pub numbers: BTreeSet<Counter>,
    pub closed_periods: BTreeSet<Name>,
    pub statements: BTreeSet<StatementKey>,
    pub stated: BTreeSet<StatementsAsked>,
    pub lines: BTreeSet<(Name, Uuid)>,
    pub cumulated: BTreeSet<CumulationQuery>,
    pub totals: BTreeSet<TotalQuery>,
    pub rate_uses: BTreeSet<(Name, Name)>,
}

impl Need {
    pub fn is_empty(&self) -> bool {
        *self == Need::default()
    }

    /// Adds what another decision needs: both are fetched in one batch.
    pub fn merge(&mut self, other: Need) {
        let Need {
            records,
            attachments,
            keys,
            holders,
            duplicates,
            collections,
            children,
            deleted_children,
            referring,
            since,
            referrers,
            numbers,
            closed_periods,
            statements,
            stated,
            lines,
            cumulated,
            totals,
            rate_uses,
        } = other;
        self.records.extend(records);
        self.attachments.extend(attachments);
        self.keys.extend(keys);
        self.holders.extend(holders);
        self.duplicates.extend(duplicates);
        self.collections.extend(collections);
        self.children.extend(children);
        self.deleted_children.extend(deleted_children);
        self.referring.extend(referring);
        self.since.extend(since);
        self.referrers.extend(referrers);
        self.numbers.extend(numbers);
        self.closed_periods.extend(closed_periods);
        self.statements.extend(statements);
        self.stated.extend(stated);
        self.lines.extend(lines);
        self.cumulated.extend(cumulated);
        self.totals.extend(totals);
        self.rate_uses.extend(rate_uses);
    }
}

/// How often a decision may ask for more before it is refused. Each round follows at least one reference further; settling
/// a record whose price hangs on a chain of four references takes eight. Climbing a chain of parties takes one for each.
pub const ROUNDS_MAX: usize = 16 + LEVELS_MAX;
