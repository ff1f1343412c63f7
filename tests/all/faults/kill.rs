//! `kill -9` in a loop on the real binary while clients write: afterwards every acknowledged write is there exactly
//! once, events fold to the records, and nothing is left without an owner.

use super::check::check;
use super::clients::{Writer, below};
use super::place::Place;
use packwork::entropy::Entropy;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Two servers at once on each database; together at least 200 kills.
const KILLS: u64 = 50;
const WRITERS: u64 = 4;
/// A life ends while at most this many requests are under way or answered.
const REQUESTS_PER_LIFE: u64 = 24;
/// The kill comes up to so many turns of other threads later, wherever the server then is.
const TURNS: u64 = 2_000;
/// One life in so many ends before the server listens, at most so many turns after its start.
const EARLY: u64 = 8;
const EARLY_TURNS: u64 = 200_000;

#[test]
fn every_acknowledged_write_survives_kills_on_sqlite() {
    survives(Place::sqlite(), 1);
}

#[test]
fn every_acknowledged_write_survives_kills_on_sqlite_with_another_seed() {
    survives(Place::sqlite(), 2);
}

#[test]
fn every_acknowledged_write_survives_kills_on_postgres() {
    survives(Place::postgres(), 3);
}

#[test]
fn every_acknowledged_write_survives_kills_on_postgres_with_another_seed() {
    survives(Place::postgres(), 4);
}

fn survives(place: Place, seed: u64) {
    println!("seed {seed}");
    let chance = Entropy::seeded(seed);
    let mut writers: Vec<Writer> =
        (0..WRITERS).map(|writer| Writer::new(&format!("w{writer}"), seed * 100 + writer)).collect();
    for kill in 0..KILLS {
        if kill > 0 && below(&chance, EARLY) == 0 {
            let mut child = place.launch().spawn().expect("the binary starts");
            pass(below(&chance, EARLY_TURNS));
            child.kill().and_then(|()| child.wait()).expect("a child can be killed");
        } else {
            live(&place, &chance, &mut writers);
        }
    }
    let server = place.launch().start().expect("the server starts after the last kill");
    for writer in &mut writers {
        writer.settle(&server);
    }
    let repeats: u64 = writers.iter().map(|writer| writer.repeats).sum();
    assert!(repeats > 0, "no kill met a request under way: the test tests nothing");
    check(&place, &server, &writers);
}

/// Gives others so many turns: a kill comes at a moment of chance, not when something has happened.
fn pass(turns: u64) {
    for _ in 0..turns {
        std::thread::yield_now();
    }
}

/// One life of the server: clients write until it is killed with a request under way.
fn live(place: &Place, chance: &Entropy, writers: &mut [Writer]) {
    let server = place.launch().start().expect("the server starts after a kill");
    let reached = Mutex::new(0_u64);
    let more = Condvar::new();
    let told = || {
        *reached.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        more.notify_all();
    };
    let wanted = 1 + below(chance, REQUESTS_PER_LIFE);
    let turns = below(chance, TURNS);
    std::thread::scope(|scope| {
        for writer in writers {
            let to = (server.address, server.token.clone());
            scope.spawn(|| writer.write(to, &told));
        }
        let waiting = reached.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = Duration::from_secs(60);
        let waited = more.wait_timeout_while(waiting, patience, |reached| *reached < wanted);
        let late = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        pass(turns);
        server.kill().expect("a child can be killed");
        assert!(!late, "fewer than {wanted} requests were sent");
    });
}
