//! A store with a small model, and short ways to say what is written and asked. No pack of the product is used.

use packwork::entropy::Entropy;
use packwork::store::{Database, Execute, Executed, Idempotency, Scope, Store};
use packwork_engine::access::Rights;
use packwork_engine::decision::{Actor, Decision, Event, EventKind, Outcome, Write};
use packwork_engine::diagnostic::Diagnostics;
use packwork_engine::facts::Facts;
use packwork_engine::model::{Model, Settings};
use packwork_engine::moment::{Date, Moment};
use packwork_engine::money::Money;
use packwork_engine::pack::Pack;
use packwork_engine::query::filter::{self, Terms};
use packwork_engine::query::{Comparison, Filter, FilterPath, ListQuery, Sort};
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::refusal::Refusal;
use packwork_engine::value::Value;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const SEED: u64 = 20_260_301;

/// A store of its own, empty but for its tables.
pub(crate) struct Fixture {
    pub(crate) database: Database,
    pub(crate) store: Store,
    pub(crate) scope: Scope,
    pub(crate) model: Arc<Model>,
    pub(crate) entropy: Entropy,
    _folder: Option<Folder>,
}

/// A folder that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let name: [u8; 8] = Entropy::system().bytes();
        let path = std::env::temp_dir().join(format!("packwork-test-{:016x}", u64::from_be_bytes(name)));
        std::fs::create_dir_all(&path).expect("a test may write to the temporary folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Fixture {
    pub(crate) async fn sqlite() -> Fixture {
        let folder = Folder::new();
        let database = Database::Sqlite { folder: folder.0.clone() };
        Fixture::new(database, "test", Some(folder)).await
    }

    /// A schema of its own on the server all tests share.
    pub(crate) async fn postgres() -> Fixture {
        let url = tokio::task::spawn_blocking(packwork_tests::postgres::url).await.expect("starting does not panic");
        let url = url.expect("a PostgreSQL to test with");
        let name: [u8; 8] = Entropy::system().bytes();
        let tenant = format!("x{:016x}", u64::from_be_bytes(name));
        Fixture::new(Database::Postgres { url: url.into() }, &tenant, None).await
    }

    async fn new(database: Database, tenant: &str, folder: Option<Folder>) -> Fixture {
        let store = Store::open(&database, tenant).await.expect("a new store opens");
        let scope = Scope::system(tenant);
        let model = Arc::new(model(&[]));
        store.prepare(&scope, &model, at(0)).await.expect("a new store takes the model");
        Fixture { database, store, scope, model, entropy: Entropy::seeded(SEED), _folder: folder }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.entropy.uuid(at(0))
    }

    pub(crate) fn actor(&self, id: Uuid) -> Scope {
        Scope { actor: Arc::new(Actor { id: Some(id), ..Actor::default() }), ..self.scope.clone() }
    }

    /// A user with these roles, who may belong to a partner.
    pub(crate) fn with_roles(&self, roles: &[&str], partner: Option<Uuid>) -> Scope {
        let actor = Actor {
            id: Some(self.id()),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            fields: partner.map(|partner| ("partner".to_owned(), Value::Id(partner))).into_iter().collect(),
            ..Actor::default()
        };
        Scope { rights: Arc::new(Rights::of(&self.model, &actor)), actor: Arc::new(actor), ..self.scope.clone() }
    }

    /// A record with the given fields, as version 1.
    pub(crate) fn record(&self, object: &str, fields: &[(&str, Value)]) -> Arc<Record> {
        let compiled = self.model.object(object).expect("the test's object is in its model");
        let mut values = vec![Value::Null; compiled.fields.len()];
        values[slot::ID] = Value::Id(self.id());
        values[slot::VERSION] = Value::Decimal(1.into());
        values[slot::CREATED_AT] = Value::Moment(at(0));
        values[slot::UPDATED_AT] = Value::Moment(at(0));
        for (name, value) in fields {
            values[self.slot(object, name)] = value.clone();
        }
        Arc::new(Record { object: object.into(), values })
    }

    pub(crate) fn slot(&self, object: &str, field: &str) -> usize {
        match field {
            "parent" => slot::PARENT,
            "position" => slot::POSITION,
            _ => {
                let object = self.model.object(object).expect("the test's object is in its model");
                object.field(field).expect("the test's field is in its object").0
            }
        }
    }

    /// The record with some fields changed, one version on, as a write.
    pub(crate) fn update(&self, record: &Record, fields: &[(&str, Value)]) -> Write {
        let mut new = record.clone();
        let expected = record.version();
        new.values[slot::VERSION] = Value::Decimal((expected + 1).into());
        let mut changed = Vec::new();
        for (name, value) in fields {
            let slot = self.slot(&record.object, name);
            new.values[slot] = value.clone();
            changed.push(slot);
        }
        Write::Update { record: Arc::new(new), expected, changed }
    }

    /// Creates records in one command.
    pub(crate) async fn create(&self, records: &[&Arc<Record>]) {
        let writes = records.iter().map(|record| Write::Insert((*record).clone())).collect();
        self.apply(writes).await;
    }

    pub(crate) async fn apply(&self, writes: Vec<Write>) {
        self.applied(Decision { writes, ..Decision::default() }).await;
    }

    pub(crate) async fn applied(&self, decision: Decision) {
        let executed = self.decided(decision).await;
        assert!(matches!(executed, Executed::Applied(_)), "{executed:?}");
    }

    pub(crate) async fn refused(&self, decision: Decision) -> Refusal {
        match self.decided(decision).await {
            Executed::Refused(refusal) => *refusal,
            executed => panic!("not refused: {executed:?}"),
        }
    }

    pub(crate) async fn decided(&self, decision: Decision) -> Executed {
        self.execute(&self.scope, None, move |_| Outcome::Decided(Box::new(decision.clone()))).await
    }

    pub(crate) async fn execute(
        &self,
        scope: &Scope,
        idempotency: Option<(&str, &str)>,
        decide: impl Fn(&Facts) -> Outcome + Send + Sync + 'static,
    ) -> Executed {
        let request = Execute {
            command_id: self.id(),
            at: at(0),
            idempotency: idempotency.map(|(key, digest)| Idempotency {
                key: key.into(),
                digest: digest.into(),
                lasting: false,
            }),
            locks: Vec::new(),
            reply: None,
            ahead: None,
            decide: Box::new(decide),
        };
        self.store.execute(scope, &self.model, request).await.expect("the store works")
    }

    pub(crate) async fn get(&self, record: &Record) -> Option<Arc<Record>> {
        self.store.get(&self.scope, &self.model, &record.object, record.id()).await.expect("the store reads")
    }

    pub(crate) fn query(&self, object: &str, filter: Filter, sort: &[&str], limit: u32) -> ListQuery {
        let sort = sort.iter().map(|name| Sort {
            path: self.dotted(object, name.trim_start_matches('-')),
            descending: name.starts_with('-'),
        });
        ListQuery { object: object.into(), filter, sort: sort.collect(), limit, ..ListQuery::default() }
    }

    pub(crate) async fn list(&self, query: &ListQuery) -> Vec<Arc<Record>> {
        self.store.list(&self.scope, &self.model, query).await.expect("the store lists")
    }

    /// A path by the names of its fields, the last one in the object the others lead to.
    pub(crate) fn path(&self, object: &str, names: &[(&str, &str)]) -> FilterPath {
        let mut slots = Vec::new();
        let mut at = object;
        for (field, target) in names {
            slots.push(self.slot(at, field));
            at = target;
        }
        FilterPath { slots }
    }

    /// `customer.name`: a path whose references each lead to one object.
    pub(crate) fn dotted(&self, object: &str, names: &str) -> FilterPath {
        let terms = Terms { model: &self.model, actor: &Actor::default(), now: Some(at(0)), sees: &|_, _| true };
        let object = self.model.object(object).expect("the test's object is in its model");
        filter::path(&terms, object, names, "").expect("the test's path is one").0
    }

    /// A filter as callers write it.
    pub(crate) fn filter(&self, object: &str, json: &Json) -> Result<Filter, Refusal> {
        let terms = Terms { model: &self.model, actor: &Actor::default(), now: Some(at(0)), sees: &|_, _| true };
        filter::read(&terms, self.model.object(object).expect("the test's object is in its model"), json)
    }

    pub(crate) fn compare(&self, object: &str, field: &str, comparison: Comparison) -> Filter {
        Filter::Compare { path: self.path(object, &[(field, "")]), comparison }
    }

    pub(crate) fn event(&self, record: &Record, kind: EventKind, second: i64) -> Event {
        Event {
            id: self.id(),
            object: record.object.clone(),
            record: record.id(),
            kind,
            transition: None,
            version: record.version(),
            changes: BTreeMap::new(),
            at: at(second),
            actor: None,
            command: self.id(),
        }
    }
}

/// So many seconds after the moment at which every test begins.
pub(crate) fn at(second: i64) -> Moment {
    Moment::from_micros((1_772_300_000 + second) * 1_000_000 + 123_456)
}

pub(crate) fn day(text: &str) -> Date {
    text.parse().expect("the test's date is a date")
}

pub(crate) fn number(text: &str) -> Value {
    Value::Decimal(text.parse().expect("the test's number is a number"))
}

pub(crate) fn money(amount: &str, currency: &str) -> Value {
    Value::Money(Money::new(amount.parse().expect("the test's amount is a number"), currency))
}

pub(crate) fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| Name::from(*name)).collect()
}

/// The objects of the tests; definitions of the same name replace them.
pub(crate) fn model(changed: &[Json]) -> Model {
    let of = |name: &str, fields: Json| json!({"kind": "object", "name": name, "title": name, "display": "name", "key": "name", "fields": fields});
    let mut definitions = vec![
        of("user", json!({"name": {"type": "text"}})),
        of("department", json!({"name": {"type": "text"}})),
        of(
            "region",
            json!({
                "name": {"type": "text"},
                "tier": {"type": "choice", "options": {"t1": {}, "t2": {}}}
            }),
        ),
        of(
            "customer",
            json!({
                "name": {"type": "text"},
                "region": {"type": "reference", "to": "region"},
                "level": {"type": "integer"}
            }),
        ),
        json!({
            "kind": "object", "name": "ticket", "title": "ticket", "display": "subject",
            "unique": {"place": ["room", "seat"]},
            "indexes": {"by_kind": {"fields": ["kind", "due"], "covers": ["quantity"]}},
            "fields": {
                "number": {"type": "text", "unique": true},
                "subject": {"type": "text", "index": true},
                "note": {"type": "long_text"},
                "customer": {"type": "reference", "to": "customer"},
                "quantity": {"type": "decimal", "scale": 3},
                "count": {"type": "integer"},
                "share": {"type": "percent"},
                "amount": {"type": "money", "scale": 2, "currency": "currency"},
                "currency": {"type": "text"},
                "urgent": {"type": "boolean"},
                "due": {"type": "date"},
                "seen": {"type": "date_time"},
                "kind": {"type": "choice", "options": {"repair": {}, "return": {}}},
                "tags": {"type": "choices", "options": {"red": {}, "green": {}, "blue": {}}},
                "watchers": {"type": "references", "to": "customer"},
                "extra": {"type": "json"},
                "place": {"type": "location"},
                "room": {"type": "text"},
                "seat": {"type": "integer"},
                "items": {"type": "items", "to": "ticket_item"},
                "cost": {"type": "rollup", "of": "items", "sum": "price"}
            }
        }),
        json!({
            "kind": "object", "name": "ticket_item", "title": "item", "owned_by": "ticket",
            "fields": {"what": {"type": "text"}, "price": {"type": "money", "currency": "CNY"}}
        }),
    ];
    let near = json!({"filter": {"customer.name": {"eq": "near"}}});
    definitions.push(json!({
        "kind": "role", "name": "near", "title": "near", "objects": {"ticket": {"read": true, "rows": near}}
    }));
    definitions.push(json!({"kind": "role", "name": "partner", "title": "partner", "settlement": {"read": "party"}}));
    for definition in changed {
        definitions.retain(|known| known["name"] != definition["name"] && known["name"] != definition["was"]);
        definitions.push(definition.clone());
    }
    let manifest = json!({"name": "tests", "version": "1.0.0", "title": "Tests", "description": "Of the store."});
    let mut files = BTreeMap::from([("pack.json".to_owned(), manifest.to_string().into_bytes())]);
    for definition in &definitions {
        let name = definition["name"].as_str().expect("every definition of the tests has a name");
        files.insert(format!("definitions/{name}.json"), definition.to_string().into_bytes());
    }
    let mut diagnostics = Diagnostics::default();
    let pack = Pack::read(&files, &mut diagnostics);
    let (model, found) = Model::compile(vec![pack], &Settings::default());
    model.unwrap_or_else(|| panic!("{found:#?} {:#?}", diagnostics.into_sorted()))
}
