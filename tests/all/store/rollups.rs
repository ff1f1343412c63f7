//! What a record keeps of its owned rows is always what the rows come to, whatever was done to them.

use super::fixture::{Fixture, SEED, at, model};
use packwork::store::{Execute, Executed};
use packwork_engine::decide::decide;
use packwork_engine::decision::{Command, Context, Decision};
use packwork_engine::record::Record;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use uuid::Uuid;

async fn done(fixture: &Fixture, command: Command) -> Box<Decision> {
    let (model, id) = (fixture.model.clone(), fixture.id());
    let context = Context { command: id, moment: at(1), actor: Arc::default() };
    let request = Execute {
        command_id: id,
        at: at(1),
        idempotency: None,
        locks: Vec::new(),
        reply: None,
        ahead: None,
        decide: Box::new(move |facts| decide(&model, facts, &command, &context)),
    };
    match fixture.store.execute(&fixture.scope, &fixture.model, request).await.expect("the store works") {
        Executed::Applied(decision) => decision,
        other => panic!("{other:?}"),
    }
}

fn input(json: Json) -> serde_json::Map<String, Json> {
    json.as_object().cloned().unwrap_or_default()
}

/// Compares what is kept with what the rows come to; gives the record.
async fn check(fixture: &Fixture, basket: Uuid) -> Arc<Record> {
    let (store, scope, model) = (&fixture.store, &fixture.scope, &fixture.model);
    let record = store.get(scope, model, "basket", basket).await.expect("it reads").expect("the basket is there");
    let rows = store.children(scope, model, "basket_row", basket).await.expect("it reads");
    let slot = fixture.slot("basket_row", "price");
    let prices: Vec<Decimal> = rows.iter().filter_map(|row| row.values[slot].as_decimal()).collect();
    let kept = |field: &str| record.values[fixture.slot("basket", field)].as_decimal();
    if record.is_deleted() {
        assert!(rows.is_empty(), "rows of a deleted record are deleted");
        return record;
    }
    let sum: Decimal = prices.iter().sum();
    let mean = sum.checked_div(prices.len().into());
    let mean = mean.map(|mean| mean.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero));
    assert_eq!(kept("n"), Some(rows.len().into()));
    assert_eq!((kept("total"), kept("twice")), (Some(sum), Some(sum * Decimal::TWO)));
    assert_eq!((kept("least"), kept("most")), (prices.iter().min().copied(), prices.iter().max().copied()));
    assert_eq!(kept("mean"), mean);
    record
}

pub(crate) async fn rollups_are_what_the_rows_come_to(mut fixture: Fixture) {
    let of = |name: &str| json!({"type": "rollup", "of": "rows", name: "price"});
    let basket = json!({
        "kind": "object", "name": "basket", "title": "basket", "display": "name",
        "fields": {
            "name": {"type": "text"},
            "rows": {"type": "items", "to": "basket_row"},
            "n": {"type": "rollup", "of": "rows", "count": true},
            "total": of("sum"),
            "least": of("min"),
            "most": of("max"),
            "mean": {"type": "rollup", "of": "rows", "avg": "price", "scale": 4},
            "twice": {"type": "decimal", "formula": "total * 2"}
        }
    });
    let row = json!({
        "kind": "object", "name": "basket_row", "title": "row", "owned_by": "basket",
        "fields": {"what": {"type": "text"}, "price": {"type": "decimal", "scale": 2}}
    });
    fixture.model = Arc::new(model(&[basket, row]));
    fixture.store.prepare(&fixture.scope, &fixture.model, at(0)).await.expect("tables are added");
    let mut dice = SEED;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let created = done(&fixture, Command::Create { object: "basket".into(), input: input(json!({"name": "b"})) }).await;
    let (_, id) = created.subject.expect("a created record is the subject");
    check(&fixture, id).await;
    for step in 0..40 {
        let record = check(&fixture, id).await;
        let object = record.object.clone();
        let command = if record.is_deleted() {
            Command::Restore { object, id, version: None }
        } else if roll(6) == 0 {
            Command::Delete { object, id, version: None }
        } else {
            let rows =
                fixture.store.children(&fixture.scope, &fixture.model, "basket_row", id).await.expect("it reads");
            let mut given: Vec<Json> = Vec::new();
            for row in rows {
                match roll(3) {
                    0 => {}
                    1 => given.push(json!({"id": row.id().to_string()})),
                    _ => given
                        .push(json!({"id": row.id().to_string(), "price": format!("{}.{:02}", roll(50), roll(100))})),
                }
            }
            for _ in 0..roll(4) {
                given.push(json!({"what": format!("row {step}"), "price": format!("{}.5", roll(1_000))}));
            }
            Command::Update { object, id, version: None, input: input(json!({"rows": given})) }
        };
        done(&fixture, command).await;
    }
    check(&fixture, id).await;
}
