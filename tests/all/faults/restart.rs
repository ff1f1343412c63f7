//! PostgreSQL is restarted under load: requests are refused for a while or carried out a little later, each is applied
//! once, and Packwork goes on without a restart of its own.

use super::check::check;
use super::clients::Writer;
use super::place::{Place, block_on};
use packwork_tests::postgres::{self, Server};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

const WRITERS: u64 = 4;
const WRITES: u64 = 60;

#[test]
fn a_restart_of_postgres_under_load_is_survived() {
    let database = Server::start().expect("PostgreSQL starts");
    block_on(postgres::execute(&database.url, "CREATE DATABASE packwork")).expect("it makes a database");
    let mut place = Place::sqlite();
    place.database = Some(postgres::of_database(&database.url, "packwork"));
    let server = place.launch().start().expect("the server starts");
    let mut writers: Vec<Writer> =
        (0..WRITERS).map(|writer| Writer::new(&format!("w{writer}"), 700 + writer)).collect();
    let (reached, more) = (Mutex::new(0_u64), Condvar::new());
    let told = || {
        *reached.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        more.notify_all();
    };
    let wait_for = |wanted: u64| {
        let waiting = reached.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = more.wait_timeout_while(waiting, Duration::from_secs(60), |reached| *reached < wanted);
        assert!(!waited.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "writing did not go on");
    };
    let restarts = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for writer in &mut writers {
            let server = &server;
            scope.spawn(|| writer.insist(server, WRITES, &told));
        }
        // The second one as after a crash: nothing is said to the clients, the log is read again.
        for (at, how) in [(WRITERS * WRITES / 4, "fast"), (WRITERS * WRITES / 2, "immediate")] {
            wait_for(at);
            database.restart(how).expect("PostgreSQL restarts");
            restarts.fetch_add(1, Ordering::SeqCst);
        }
        wait_for(WRITERS * WRITES);
    });
    assert_eq!(restarts.load(Ordering::SeqCst), 2);
    let ready = server.client().send("GET", "/readyz", None, None);
    assert_eq!(ready.expect("the server lives").status, 200);
    check(&place, &server, &writers);
}
