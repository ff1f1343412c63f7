//! Databases of cases: those of a run that was killed are dropped by the next one, those of a run that lives stay.

use packwork::auth::Secret;
use packwork::store::scratch::{self, Claim};
use packwork_tests::postgres;
use sqlx::{Connection, PgConnection};

async fn databases(server: &Secret) -> Vec<String> {
    let mut connection = PgConnection::connect(server.expose()).await.expect("PostgreSQL answers");
    let begins = format!("{}_cases_", scratch::name_of(server));
    sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1")
        .bind(begins)
        .fetch_all(&mut connection)
        .await
        .expect("databases can be listed")
}

#[tokio::test]
async fn what_killed_runs_leave_is_dropped_by_the_next_one() {
    // A database of its own, so that runs of other tests are not looked at.
    let server = Secret::new(postgres::fresh_database().await.expect("PostgreSQL makes one"));
    let living = Claim::new(&server, "aaaa").await.expect("names can be claimed");
    scratch::create_database(&server, &living.name(0), None).await.expect("a database can be made");
    let killed = Claim::new(&server, "bbbb").await.expect("names can be claimed");
    for number in [0_u64, 1] {
        scratch::create_database(&server, &killed.name(number), None).await.expect("a database can be made");
    }
    let template = killed.name(0);
    scratch::seal(&server, &template).await.expect("it can be sealed");
    assert_eq!(scratch::clear_abandoned(&server).await.expect("they can be looked at"), 0);
    assert_eq!(databases(&server).await.len(), 3);
    // What a killed process leaves: its connections are closed, its databases are there.
    drop(killed);
    let mut dropped = 0;
    while dropped == 0 {
        dropped = scratch::clear_abandoned(&server).await.expect("they can be dropped");
    }
    assert_eq!((dropped, databases(&server).await), (2, vec![living.name(0)]));
    scratch::drop_database(&server, &living.name(0)).await.expect("it can be dropped");
}
