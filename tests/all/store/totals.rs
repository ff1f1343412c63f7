//! What a record keeps of those that refer to it is always what they come to, whatever was done to them and by how many.

use super::fixture::{Fixture, SEED, at, model};
use packwork::store::{Bulk, BulkDone, Drift, Execute, Executed, Item, Store};
use packwork_engine::decide::decide;
use packwork_engine::decision::{Command, Context};
use packwork_engine::model::Model;
use packwork_engine::query::{AggregateQuery, Measure};
use packwork_engine::record::Record;
use packwork_engine::refusal::Refusal;
use packwork_engine::value::Value;
use packwork_tests::dice::Dice;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Buyers with orders, orders with rows, rows that name goods: each keeps what refers to it.
fn definitions(filter: Option<Json>) -> [Json; 4] {
    let of = |word: &str, field: &str| {
        let mut rollup = json!({"type": "rollup", "of": "purchase.buyer"});
        rollup[word] = if word == "count" { json!(true) } else { json!(field) };
        rollup
    };
    let mut open = of("sum", "amount");
    open["filter"] = filter.unwrap_or(json!({"kind": {"in": ["new", "open"]}, "amount": {"gt": "0"}}));
    let mut mean = of("avg", "amount");
    mean["scale"] = json!(4);
    [
        json!({"kind": "object", "name": "buyer", "title": "buyer", "display": "name", "key": "name", "fields": {
            "name": {"type": "text"},
            "n": of("count", ""), "total": of("sum", "amount"), "least": of("min", "amount"), "most": of("max", "amount"),
            "mean": mean, "open": open, "goods": of("sum", "cost"),
            "twice": {"type": "decimal", "scale": 2, "formula": "total * 2", "live": true},
            "limit": {"type": "integer"},
        }, "rules": {"few": {"require": "limit == () || n <= limit", "message": "It has too many."}}}),
        json!({"kind": "object", "name": "purchase", "title": "purchase", "display": "name", "fields": {
            "name": {"type": "text"},
            "buyer": {"type": "reference", "to": "buyer"},
            "amount": {"type": "decimal", "scale": 2},
            "kind": {"type": "choice", "options": {"new": {}, "open": {}, "done": {}}},
            "rows": {"type": "items", "to": "purchase_row"},
            "cost": {"type": "rollup", "of": "rows", "sum": "price"},
        }}),
        json!({"kind": "object", "name": "purchase_row", "title": "row", "owned_by": "purchase", "fields": {
            "article": {"type": "reference", "to": "article"},
            "price": {"type": "decimal", "scale": 3},
        }}),
        json!({"kind": "object", "name": "article", "title": "article", "display": "name", "key": "name", "fields": {
            "name": {"type": "text"},
            "sold": {"type": "rollup", "of": "purchase_row.article", "count": true},
            "revenue": {"type": "rollup", "of": "purchase_row.article", "sum": "price"},
        }}),
    ]
}

async fn with(fixture: &mut Fixture, definitions: &[Json]) {
    fixture.model = Arc::new(model(definitions));
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("tables are added");
}

fn input(json: Json) -> serde_json::Map<String, Json> {
    json.as_object().cloned().unwrap_or_default()
}

fn create(object: &str, json: Json) -> Command {
    Command::Create { object: object.into(), input: input(json) }
}

fn update(record: &Record, json: Json) -> Command {
    Command::Update { object: record.object.clone(), id: record.id(), version: None, input: input(json) }
}

async fn execute(
    store: &Store,
    scope: &packwork::store::Scope,
    model: &Arc<Model>,
    id: Uuid,
    command: Command,
) -> Executed {
    let decided = model.clone();
    let context = Context { command: id, moment: at(1), actor: Arc::default() };
    let request = Execute {
        command_id: id,
        at: at(1),
        idempotency: None,
        locks: Vec::new(),
        reply: None,
        ahead: None,
        decide: Box::new(move |facts| decide(&decided, facts, &command, &context)),
    };
    store.execute(scope, model, request).await.expect("the store works")
}

async fn done(fixture: &Fixture, command: Command) -> Uuid {
    match execute(&fixture.store, &fixture.scope, &fixture.model, fixture.id(), command).await {
        Executed::Applied(decision) => decision.subject.expect("a command is about a record").1,
        other => panic!("{other:?}"),
    }
}

async fn refused(fixture: &Fixture, command: Command) -> Refusal {
    match execute(&fixture.store, &fixture.scope, &fixture.model, fixture.id(), command).await {
        Executed::Refused(refusal) => *refusal,
        other => panic!("not refused: {other:?}"),
    }
}

async fn all(fixture: &Fixture, object: &str) -> Vec<Arc<Record>> {
    let filter = packwork_engine::query::Filter::All;
    fixture.list(&fixture.query(object, filter, &["id"], 1_000)).await
}

/// Compares every total with what the records come to.
async fn check(fixture: &Fixture) {
    let value = |record: &Record, field: &str| record.values[fixture.slot(&record.object, field)].clone();
    let number = |record: &Record, field: &str| value(record, field).as_decimal();
    let purchases = all(fixture, "purchase").await;
    for buyer in all(fixture, "buyer").await {
        let mine = || purchases.iter().filter(|purchase| value(purchase, "buyer") == Value::Id(buyer.id()));
        let amounts: Vec<Decimal> = mine().filter_map(|purchase| number(purchase, "amount")).collect();
        let sum: Decimal = amounts.iter().sum();
        let mean = sum.checked_div(amounts.len().into());
        let mean = mean.map(|mean| mean.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero));
        let open = mine().filter(|purchase| {
            let kind = value(purchase, "kind");
            let kind = kind.as_text();
            matches!(kind, Some("new" | "open")) && number(purchase, "amount") > Some(Decimal::ZERO)
        });
        let open: Decimal = open.filter_map(|purchase| number(purchase, "amount")).sum();
        let goods: Decimal = mine().filter_map(|purchase| number(purchase, "cost")).sum();
        let kept = |field: &str| number(&buyer, field);
        assert_eq!((kept("n"), kept("total")), (Some(mine().count().into()), Some(sum)));
        assert_eq!((kept("least"), kept("most")), (amounts.iter().min().copied(), amounts.iter().max().copied()));
        assert_eq!((kept("mean"), kept("open"), kept("goods")), (mean, Some(open), Some(goods)));
        assert_eq!(buyer.version(), 1, "whoever refers to a record does not change it");
    }
    let mut rows = Vec::new();
    for purchase in &purchases {
        let (scope, model) = (&fixture.scope, &fixture.model);
        rows.extend(fixture.store.children(scope, model, "purchase_row", purchase.id()).await.expect("it reads"));
    }
    for article in all(fixture, "article").await {
        let sold: Vec<&Arc<Record>> =
            rows.iter().filter(|row| value(row, "article") == Value::Id(article.id())).collect();
        let revenue: Decimal = sold.iter().filter_map(|row| number(row, "price")).sum();
        let kept = |field: &str| number(&article, field);
        assert_eq!((kept("sold"), kept("revenue")), (Some(sold.len().into()), Some(revenue)));
    }
    assert_eq!(findings(fixture).await, Vec::new());
}

async fn findings(fixture: &Fixture) -> Vec<Drift> {
    let mut found = Vec::new();
    let mut keep = |drift: Drift| found.push(drift);
    let check = fixture.store.check_data(&fixture.scope, &fixture.model, &mut keep).await.expect("a check begins");
    check.all().await.expect("it reads");
    found.retain(|drift| drift.check == "total" || drift.check == "rollup" || drift.check == "history");
    found
}

/// Many commands in one transaction.
async fn bulk(fixture: &Fixture, atomic: bool, commands: Vec<Command>) -> BulkDone {
    let items = commands.into_iter().map(|command| {
        let (model, id) = (fixture.model.clone(), fixture.id());
        let context = Context { command: id, moment: at(1), actor: Arc::default() };
        let decide = move |facts: &packwork_engine::facts::Facts| decide(&model, facts, &command, &context);
        Item { decide: Box::new(decide), foresee: Box::new(|_, _| {}) }
    });
    let request = Bulk {
        command_id: fixture.id(),
        at: at(1),
        idempotency: None,
        locks: Vec::new(),
        atomic,
        items: items.collect(),
        reply: Box::new(|_| Json::Null),
    };
    fixture.store.execute_bulk(&fixture.scope, &fixture.model, request).await.expect("the store works")
}

/// What a purchase is given: some of its fields.
fn given(dice: &mut Dice, buyers: &[Uuid], articles: &[Uuid], rows: &[Arc<Record>]) -> Json {
    let mut given = json!({});
    if dice.roll(3) > 0 {
        given["buyer"] = if dice.roll(5) == 0 { Json::Null } else { json!(dice.pick(buyers)) };
    }
    if dice.roll(3) > 0 {
        let amount = format!("{}{}.{:02}", if dice.roll(4) == 0 { "-" } else { "" }, dice.roll(50), dice.roll(100));
        given["amount"] = if dice.roll(6) == 0 { Json::Null } else { json!(amount) };
    }
    if dice.roll(3) > 0 {
        given["kind"] = if dice.roll(6) == 0 { Json::Null } else { json!(dice.pick(&["new", "open", "done"])) };
    }
    if dice.roll(3) == 0 {
        let mut kept: Vec<Json> = Vec::new();
        for row in rows {
            match dice.roll(3) {
                0 => {}
                1 => kept.push(json!({"id": row.id().to_string()})),
                _ => kept.push(json!({"id": row.id().to_string(), "article": dice.pick(articles)})),
            }
        }
        for _ in 0..dice.roll(3) {
            kept.push(
                json!({"article": dice.pick(articles), "price": format!("{}.{:03}", dice.roll(9), dice.roll(1_000))}),
            );
        }
        given["rows"] = json!(kept);
    }
    given
}

pub(crate) async fn totals_are_what_refers_comes_to(mut fixture: Fixture) {
    with(&mut fixture, &definitions(None)).await;
    let mut dice = Dice(SEED);
    let (mut buyers, mut articles) = (Vec::new(), Vec::new());
    for name in ["a", "b", "c"] {
        buyers.push(done(&fixture, create("buyer", json!({"name": name}))).await);
        articles.push(done(&fixture, create("article", json!({"name": name}))).await);
    }
    check(&fixture).await;
    let mut gone: Vec<Uuid> = Vec::new();
    for _ in 0..60 {
        let live = all(&fixture, "purchase").await;
        let object = || "purchase".into();
        let mut commands = Vec::new();
        for _ in 0..=dice.roll(4) {
            let of = (!live.is_empty()).then(|| dice.pick(&live).clone());
            commands.push(match (dice.roll(8), of) {
                (0, Some(purchase)) => {
                    gone.push(purchase.id());
                    Command::Delete { object: object(), id: purchase.id(), version: None }
                }
                (1, _) if !gone.is_empty() => {
                    let id = gone.swap_remove(0);
                    Command::Restore { object: object(), id, version: None }
                }
                (2..=5, Some(purchase)) => {
                    let (scope, model) = (&fixture.scope, &fixture.model);
                    let rows = fixture.store.children(scope, model, "purchase_row", purchase.id()).await;
                    update(&purchase, given(&mut dice, &buyers, &articles, &rows.expect("it reads")))
                }
                _ => create("purchase", given(&mut dice, &buyers, &articles, &[])),
            });
        }
        match (dice.roll(3), <[Command; 1]>::try_from(commands)) {
            (_, Ok([command])) => {
                execute(&fixture.store, &fixture.scope, &fixture.model, fixture.id(), command).await;
            }
            // All or nothing: one that is refused (a record deleted twice) takes the others along.
            (0, Err(commands)) => drop(bulk(&fixture, true, commands).await),
            (_, Err(commands)) => drop(bulk(&fixture, false, commands).await),
        }
        let standing: Vec<Uuid> = all(&fixture, "purchase").await.iter().map(|purchase| purchase.id()).collect();
        gone.retain(|id| !standing.contains(id));
        check(&fixture).await;
    }
}

pub(crate) async fn lists_are_made_by_totals(mut fixture: Fixture) {
    with(&mut fixture, &definitions(None)).await;
    let mut buyers = BTreeMap::new();
    for (name, amounts) in [("none", &[][..]), ("small", &["1.50", "2"]), ("large", &["100", "-0.01", "7"])] {
        let id = done(&fixture, create("buyer", json!({"name": name}))).await;
        buyers.insert(id, name);
        for amount in amounts {
            done(&fixture, create("purchase", json!({"buyer": id, "amount": amount, "kind": "new"}))).await;
        }
    }
    let named = |records: Vec<Arc<Record>>| records.iter().map(|record| buyers[&record.id()]).collect::<Vec<_>>();
    let filtered = async |json: Json| {
        let filter = fixture.filter("buyer", &json).expect("the filter is one");
        named(fixture.list(&fixture.query("buyer", filter, &["-total"], 10)).await)
    };
    assert_eq!(filtered(json!({})).await, ["large", "small", "none"]);
    assert_eq!(filtered(json!({"n": {"gte": 2}})).await, ["large", "small"]);
    assert_eq!(filtered(json!({"n": 0})).await, ["none"]);
    assert_eq!(filtered(json!({"total": {"between": ["3", "4"]}})).await, ["small"]);
    assert_eq!(filtered(json!({"least": {"lt": "0"}})).await, ["large"]);
    assert_eq!(filtered(json!({"mean": {"is_null": true}})).await, ["none"]);
    assert_eq!(filtered(json!({"mean": "35.6633"})).await, ["large"]);
    // Pages go on behind the value of a total, and behind those that have none.
    let mut query = fixture.query("buyer", packwork_engine::query::Filter::All, &["least"], 1);
    let mut met = Vec::new();
    loop {
        let page = fixture.store.page(&fixture.scope, &fixture.model, &query).await.expect("it lists");
        met.extend(named(page.records));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(met, ["none", "large", "small"]);
    // Through a reference; who refers to nobody has no total either.
    done(&fixture, create("purchase", json!({"name": "alone"}))).await;
    let filter = fixture.filter("purchase", &json!({"buyer.n": {"lt": 3}})).expect("the filter is one");
    let found = fixture.list(&fixture.query("purchase", filter, &["-buyer.total", "amount"], 10)).await;
    let amounts: Vec<_> =
        found.iter().map(|record| record.values[fixture.slot("purchase", "amount")].as_decimal()).collect();
    assert_eq!(amounts, [Some(Decimal::new(150, 2)), Some(Decimal::TWO)]);
    let measure = |name: &str, measure| (name.to_owned(), measure);
    let (n, total) = (fixture.slot("buyer", "n"), fixture.slot("buyer", "total"));
    let query = AggregateQuery {
        object: "buyer".into(),
        measures: vec![measure("n", Measure::Max(n)), measure("total", Measure::Sum(total))],
        limit: 10,
        ..AggregateQuery::default()
    };
    let sums = fixture.store.aggregate(&fixture.scope, &fixture.model, &query).await.expect("it adds up");
    assert_eq!(sums, [[Value::Decimal(3.into()), Value::Decimal(Decimal::new(11_049, 2))]]);
    let refusal = fixture.filter("buyer", &json!({"twice": {"gt": 0}})).expect_err("nothing is stored of it");
    assert_eq!(refusal.code.as_str(), "live_field");
}

pub(crate) async fn many_count_for_one_at_once(mut fixture: Fixture) {
    with(&mut fixture, &definitions(None)).await;
    let mut buyers = Vec::new();
    for name in ["a", "b"] {
        buyers.push(done(&fixture, create("buyer", json!({"name": name}))).await);
    }
    let mut tasks = Vec::new();
    for worker in 0..8_u32 {
        let (store, scope, model) = (fixture.store.clone(), fixture.scope.clone(), fixture.model.clone());
        let buyers = buyers.clone();
        let ids: Vec<Uuid> = (0..20).map(|_| fixture.id()).collect();
        tasks.push(tokio::spawn(async move {
            let mut mine: Option<(Uuid, usize)> = None;
            for (step, id) in ids.into_iter().enumerate() {
                let step = u32::try_from(step).expect("few steps");
                // Every other step moves a record to the other buyer: half of them one way, half of them the other.
                let command = match mine.take() {
                    Some((purchase, at)) => {
                        let other = json!({"buyer": buyers[1 - at], "amount": format!("{step}.25")});
                        Command::Update { object: "purchase".into(), id: purchase, version: None, input: input(other) }
                    }
                    None => {
                        let at = usize::from(worker % 2 == 1);
                        let amount = format!("{}.{worker}", step + 1);
                        create("purchase", json!({"buyer": buyers[at], "amount": amount, "kind": "open"}))
                    }
                };
                let created = matches!(command, Command::Create { .. });
                match execute(&store, &scope, &model, id, command).await {
                    Executed::Applied(decision) if created => {
                        mine = Some((decision.subject.expect("it is about a record").1, usize::from(worker % 2 == 1)));
                    }
                    Executed::Applied(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }));
    }
    for task in tasks {
        task.await.expect("nobody is in anybody's way");
    }
    assert_eq!(all(&fixture, "purchase").await.len(), 80);
    check(&fixture).await;
}

pub(crate) async fn a_new_rollup_counts_what_is_there(mut fixture: Fixture) {
    let plain = definitions(None).map(|mut definition| {
        let fields = definition["fields"].as_object_mut().expect("an object has fields");
        fields.retain(|_, field| field["type"] != "rollup" && field["live"] != true);
        // The rule is about a total.
        definition.as_object_mut().expect("a definition is an object").remove("rules");
        definition
    });
    with(&mut fixture, &plain).await;
    let mut buyers = Vec::new();
    for name in ["a", "b"] {
        buyers.push(done(&fixture, create("buyer", json!({"name": name}))).await);
    }
    for step in 0..9_usize {
        let amount = format!("{step}.11");
        done(&fixture, create("purchase", json!({"buyer": buyers[step % 2], "amount": amount, "kind": "open"}))).await;
    }
    let cost = json!({"type": "decimal", "scale": 3});
    let with_totals = |filter: Option<Json>| {
        let mut definitions = definitions(filter);
        // Not over rows that are completed by a job.
        definitions[1]["fields"]["cost"] = cost.clone();
        definitions
    };
    with(&mut fixture, &with_totals(None)).await;
    check(&fixture).await;
    // What counts changes: the totals are made anew.
    with(&mut fixture, &with_totals(Some(json!({"amount": {"lt": "4"}})))).await;
    let found = all(&fixture, "buyer").await;
    let open = |id: Uuid| {
        let buyer = found.iter().find(|buyer| buyer.id() == id).expect("the buyer is there");
        buyer.values[fixture.slot("buyer", "open")].as_decimal()
    };
    assert_eq!((open(buyers[0]), open(buyers[1])), (Some(Decimal::new(222, 2)), Some(Decimal::new(422, 2))));
    // They were away for a while, and others wrote.
    with(&mut fixture, &plain).await;
    done(&fixture, create("purchase", json!({"buyer": buyers[0], "amount": "1000", "kind": "new"}))).await;
    with(&mut fixture, &with_totals(None)).await;
    check(&fixture).await;
}

pub(crate) async fn what_is_decided_by_a_total_sees_its_own_transaction(mut fixture: Fixture) {
    with(&mut fixture, &definitions(None)).await;
    let buyer = done(&fixture, create("buyer", json!({"name": "a"}))).await;
    let limit = |limit: i64| {
        let input = input(json!({"limit": limit}));
        Command::Update { object: "buyer".into(), id: buyer, version: None, input }
    };
    let purchase = || create("purchase", json!({"buyer": buyer, "amount": "1"}));
    let several = vec![limit(0), purchase(), limit(0), limit(1), purchase(), limit(1), limit(2)];
    let BulkDone::Done(results) = bulk(&fixture, false, several).await else { panic!("each stands for itself") };
    let codes: Vec<&str> = results
        .iter()
        .map(|result| result.as_ref().map_or_else(|refusal| refusal.errors[0].code.as_str(), |_| ""))
        .collect();
    assert_eq!(codes, ["", "", "rule_broken", "", "", "rule_broken", ""]);
    let record = &all(&fixture, "buyer").await[0];
    let kept = |field: &str| record.values[fixture.slot("buyer", field)].as_decimal();
    assert_eq!((kept("n"), kept("limit"), record.version()), (Some(Decimal::TWO), Some(Decimal::TWO), 4));
}

pub(crate) async fn a_total_of_19_digits_is_refused(mut fixture: Fixture) {
    let mut definitions = definitions(None);
    definitions[0]["fields"]["mean"]["scale"] = json!(2);
    with(&mut fixture, &definitions).await;
    let buyer = done(&fixture, create("buyer", json!({"name": "a"}))).await;
    let most = "9999999999999999.99";
    done(&fixture, create("purchase", json!({"buyer": buyer, "amount": most}))).await;
    let refusal = refused(&fixture, create("purchase", json!({"buyer": buyer, "amount": "0.01"}))).await;
    assert_eq!((refusal.code.as_str(), &refusal.params["field"]), ("amount_overflow", &json!("buyer.mean")));
    let several = vec![
        create("purchase", json!({"buyer": buyer, "amount": most})),
        create("purchase", json!({"buyer": buyer, "amount": most})),
        create("purchase", json!({"buyer": buyer, "amount": "-0.01"})),
    ];
    let BulkDone::Done(results) = bulk(&fixture, false, several).await else { panic!("each stands for itself") };
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
    check(&fixture).await;
}
