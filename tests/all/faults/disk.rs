//! The disk is full while a group of commands is committed: all of them are refused, nothing is half written, reading
//! goes on, and when there is space again so does writing.

use super::check::check;
use super::clients::Writer;
use super::place::Place;
use packwork_tests::process::Process;
use std::process::Command;

const WRITERS: u64 = 8;

#[test]
fn a_full_disk_refuses_whole_groups_and_is_survived() {
    let place = Place::sqlite();
    let server = place.launch().start().expect("the server starts");
    let mut writers: Vec<Writer> =
        (0..WRITERS).map(|writer| Writer::new(&format!("w{writer}"), 500 + writer)).collect();
    for room in [0, 20_000, 61_440] {
        let log = std::fs::metadata(place.folder.join("tenants/main.db-wal")).map_or(0, |file| file.len());
        limit(&server, &(log + room).to_string());
        std::thread::scope(|scope| {
            for writer in &mut writers {
                let to = (server.address, server.token.clone());
                scope.spawn(move || writer.write(to, &|| {}));
            }
        });
        // Every writer has heard a refusal by now; who only reads notices nothing.
        let listed = server.client().send("GET", "/api/v1/records/parcel?limit=1", None, None);
        assert_eq!(listed.expect("the server lives").status, 200);
        limit(&server, "unlimited");
        for writer in &mut writers {
            writer.settle(&server);
            writer.insist(&server, 10, &|| {});
            assert_eq!(writer.refused, 0, "there is space again");
        }
    }
    check(&place, &server, &writers);
}

/// How long the process' files may grow: beyond it a write fails as on a full disk.
fn limit(server: &Process, bytes: &str) {
    let done = Command::new("prlimit")
        .args(["--pid", &server.id().to_string(), &format!("--fsize={bytes}:unlimited")])
        .status()
        .expect("prlimit is there");
    assert!(done.success());
}
