//! Publishing while somebody uses the tables that have to change, on PostgreSQL: on SQLite nobody but the one writer can.

use super::fixture::{parcel, parcels, plan_packs, with_parcels};
use packwork::store::Patience;
use packwork_tests::app::{On, Reply, TestApp};
use serde_json::{Value as Json, json};
use sqlx::{Connection, Executor, PgConnection, Row};
use std::time::Duration;

/// The first version with one more field, planned.
async fn planned(test: &TestApp) -> Json {
    let kind = json!({"type": "choice", "title": "Kind", "options": {"a": {"title": "A"}, "b": {"title": "B"}}});
    let fields = json!({
        "kind": kind,
        "weight": {"type": "decimal", "title": "Weight"},
        "size": {"type": "integer", "title": "Size", "index": true},
    });
    let plan = plan_packs(test, parcels("1.1.0", fields, &[]), json!({})).await;
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    plan
}

/// Somebody with a transaction open that has read the parcels, as a backup has.
async fn reader(test: &TestApp) -> PgConnection {
    let url = format!("{}?application_name=somebody", test.postgres().expect("the test is on PostgreSQL"));
    let mut connection = PgConnection::connect(&url).await.expect("PostgreSQL lets tests in");
    connection.execute("SET search_path TO t_main").await.expect("the schema is there");
    connection.execute("BEGIN").await.expect("a transaction begins");
    connection.execute("SELECT count(*) FROM o_parcel").await.expect("the parcels are there");
    connection
}

async fn publish(test: &TestApp, plan: &Json) -> Reply {
    test.post("/packs/apply", json!({"plan": plan["plan"]})).await
}

#[tokio::test]
async fn a_publication_waits_in_turns_until_the_table_is_free() {
    let test = with_parcels(On::Postgres).await;
    let plan = planned(&test).await;
    let mut reader = reader(&test).await;
    test.app.store.set_patience(Patience {
        wait_ms: 100,
        tries_max: u32::MAX,
        pause: Duration::from_millis(50),
        pause_max: Duration::from_millis(50),
    });
    let mut given_way = test.app.store.given_way().expect("on PostgreSQL others may be in the way");
    let meanwhile = async {
        given_way.wait_for(|times| *times >= 1).await.expect("the store lives");
        // People go on writing, to this very table too, while the publication tries again and again.
        test.post("/records/parcel", json!({"code": "p1", "kind": "a"})).await.ok();
        assert_eq!(parcel(&test).await["fields"].get("size"), None, "nothing is in force yet");
        let times = *given_way.borrow_and_update();
        given_way.wait_for(|now| *now > times).await.expect("the store lives");
        reader.execute("COMMIT").await.expect("the reader ends");
    };
    let (published, ()) = tokio::join!(publish(&test, &plan), meanwhile);
    published.ok();
    let made = test.post("/records/parcel", json!({"code": "p2", "size": 3})).await.ok();
    assert_eq!(made["size"], "3");
    assert_eq!(test.get("/records/parcel/p1").await.ok()["size"], Json::Null);
}

#[tokio::test]
async fn a_publication_that_never_gets_its_turn_is_refused_and_nothing_is_half_done() {
    let test = with_parcels(On::Postgres).await;
    let plan = planned(&test).await;
    let before = test.get("/definitions/versions").await.ok();
    let mut reader = reader(&test).await;
    let patience =
        Patience { wait_ms: 50, tries_max: 3, pause: Duration::from_millis(1), pause_max: Duration::from_millis(1) };
    test.app.store.set_patience(patience);
    let refused = publish(&test, &plan).await;
    assert_eq!(refused.header("retry-after"), "30");
    let refused = refused.refused(409, "tables_in_use");
    assert_eq!([&refused["params"]["tries"], &refused["params"]["holder"]], [&json!(3), &json!("somebody")]);
    assert_eq!(*test.app.store.given_way().expect("it is PostgreSQL").borrow(), 3);
    let columns = "SELECT (SELECT count(*) FROM object_column WHERE object = 'parcel' AND name = 'f_size')
        + (SELECT count(*) FROM information_schema.columns
           WHERE table_schema = 't_main' AND table_name = 'o_parcel' AND column_name = 'f_size')";
    let left: i64 = reader.fetch_one(columns).await.expect("the catalogue can be read").get(0);
    assert_eq!(left, 0, "neither the column nor a note of it");
    assert_eq!(test.get("/definitions/versions").await.ok(), before);
    test.post("/records/parcel", json!({"code": "p1"})).await.ok();
    reader.execute("ROLLBACK").await.expect("the reader ends");
    publish(&test, &plan).await.ok();
    test.post("/records/parcel", json!({"code": "p2", "size": 4})).await.ok();
}
