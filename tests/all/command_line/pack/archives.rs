//! Packs as files: the same bytes every time, whole, signed by somebody trusted, or refused with a code of its own. Nothing
//! of a refused one is installed.

use super::desk::{DONE, Desk, FAILED};
use axum::http::Method;
use packwork::entropy::Entropy;
use packwork::packs::archive::{self, ARCHIVE_BYTES_MAX};
use packwork::packs::scaffold;
use packwork::packs::signing::{Key, Trust};
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

const BLOCK: usize = 512;

fn built(key: Option<&Key>) -> Vec<u8> {
    archive::write("return-desk", "0.1.0", &scaffold::files("return-desk"), key).expect("a new pack can be packed")
}

/// Puts another entry before the end; `header` is changed before its sum is taken.
fn with_entry(archive: &[u8], content: &[u8], header: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = [0_u8; BLOCK];
    block[..20].copy_from_slice(b"return-desk/more.txt");
    block[100..108].copy_from_slice(b"0000600\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    header(&mut block);
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = archive[..archive.len() - 2 * BLOCK].to_vec();
    out.extend_from_slice(&block);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

fn named(name: &str) -> impl FnOnce(&mut [u8]) {
    move |block| {
        block[..100].fill(0);
        block[..name.len()].copy_from_slice(name.as_bytes());
    }
}

/// Every archive that must be refused, with its code.
pub(super) fn refused_ones() -> Vec<(&'static str, Vec<u8>)> {
    let (key, _) = Key::generate(&Entropy::seeded(1));
    let (whole, signed) = (built(None), built(Some(&key)));
    let replaced = |bytes: &[u8], from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("it is there");
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let public = key.public();
    let (other, _) = Key::generate(&Entropy::seeded(2));
    vec![
        ("unsafe_path", with_entry(&whole, b"x", named("return-desk/../../etc/passwd"))),
        ("unsafe_path", with_entry(&whole, b"x", named("/etc/passwd"))),
        ("unsafe_path", with_entry(&whole, b"x", named("return-desk\\..\\more"))),
        ("unsafe_path", with_entry(&whole, b"x", named("c:/windows"))),
        ("archive_link", with_entry(&whole, b"", |block| block[156] = b'2')),
        ("archive_link", with_entry(&whole, b"", |block| block[156] = b'1')),
        ("archive_link", with_entry(&whole, b"", |block| block[156] = b'5')),
        ("duplicate_entry", with_entry(&whole, b"{}", named("return-desk/pack.json"))),
        ("archive_too_large", with_entry(&whole, b"", |block| block[124..136].copy_from_slice(b"77777777777\0"))),
        ("archive_too_large", vec![0; ARCHIVE_BYTES_MAX + 1]),
        ("archive_altered", with_entry(&whole, b"x", |_| {})),
        ("archive_altered", replaced(&whole, "What this pack is for.", "What this pack is FOR.")),
        ("bad_archive", with_entry(&whole, b"x", named("elsewhere/more.txt"))),
        ("bad_archive", whole[..whole.len() / 2].to_vec()),
        ("bad_archive", whole[..BLOCK / 2].to_vec()),
        ("bad_archive", b"PK\x03\x04 this is a zip".repeat(40)),
        ("bad_archive", Vec::new()),
        ("bad_archive", [whole.clone(), b"more".to_vec()].concat()),
        ("bad_archive", replaced(&whole, "\"version\": \"0.1.0\"", "\"version\": \"0.2.0\"")),
        ("unknown_signer", signed.clone()),
        ("bad_signature", replaced(&signed, &public, &other.public())),
    ]
}

#[test]
fn the_same_pack_gives_the_same_bytes_and_reads_back() {
    let (key, _) = Key::generate(&Entropy::seeded(1));
    for key in [None, Some(&key)] {
        let bytes = built(key);
        assert_eq!(bytes, built(key));
        let trust = Trust::parse(&key.map(|key| format!("{} Acme", key.public())).unwrap_or_default());
        let read = archive::read(&bytes, &trust.expect("it is a list")).expect("it reads back");
        assert_eq!(read.files, scaffold::files("return-desk"));
        assert_eq!((read.name.as_str(), read.version.as_str()), ("return-desk", "0.1.0"));
        assert_eq!(read.signer.as_deref(), key.map(|_| "Acme"));
    }
}

#[test]
fn every_kind_of_bad_archive_has_its_own_code() {
    for (code, bytes) in refused_ones() {
        let refused = archive::read(&bytes, &Trust::default()).expect_err(code);
        assert_eq!(refused.code.as_str(), code, "{}", refused.detail);
    }
    let signed_only = Trust::default().signed_only(true);
    assert_eq!(archive::read(&built(None), &signed_only).expect_err("it is not signed").code.as_str(), "unsigned_pack");
    // What is cut off anywhere is refused, and never takes the reader along.
    let whole = built(None);
    for end in (0..whole.len() - BLOCK).step_by(97) {
        assert!(archive::read(&whole[..end], &Trust::default()).is_err(), "{end}");
    }
}

async fn nothing_of_a_refused_archive_is_installed(on: On) {
    let test = TestApp::new(on).await;
    let before = (test.get("/packs").await.ok(), test.get("/definitions").await.ok());
    let send = async |bytes: &[u8]| {
        let archive = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
        test.ask_in("zh-CN", Method::POST, "/packs/plan", Some(json!({"packs": [{"archive": archive}]}))).await
    };
    for (code, bytes) in refused_ones() {
        let reply = send(&bytes).await;
        assert_eq!(reply.json["code"], code, "{:#}", reply.json);
        let told = reply.json["detail"].as_str().unwrap_or_default();
        assert!(told.chars().any(|letter| ('\u{4e00}'..'\u{9fff}').contains(&letter)), "{told}");
    }
    assert_eq!((test.get("/packs").await.ok(), test.get("/definitions").await.ok()), before);
    let plan = send(&built(None)).await.ok();
    assert_eq!((&plan["blocked"], &plan["signers"]), (&json!([]), &json!({})), "{plan:#}");
    test.post("/packs/apply", json!({"plan": plan["plan"]})).await.ok();
    test.post("/records/return_desk", json!({"template": "return_desk", "subject": "First"})).await.ok();
    test.post("/packs/plan", json!({"packs": [{"archive": "no base64!"}]})).await.refused(422, "wrong_type");
}

#[tokio::test]
async fn nothing_of_a_refused_archive_is_installed_on_sqlite() {
    nothing_of_a_refused_archive_is_installed(On::Sqlite).await;
}

#[tokio::test]
async fn nothing_of_a_refused_archive_is_installed_on_postgres() {
    nothing_of_a_refused_archive_is_installed(On::Postgres).await;
}

#[test]
fn a_consultant_signs_and_a_customer_takes_signed_packs_only() {
    let desk = Desk::new();
    desk.told(&["pack", "new", "return-desk"], DONE);
    desk.told(&["pack", "keygen", "--output", "acme.key", "--name", "Acme consulting"], DONE);
    assert!(
        desk.told(&["pack", "keygen", "--output", "acme.key"], FAILED).contains("acme.key"),
        "no key is overwritten"
    );
    desk.told(&["pack", "build", "return-desk", "--output", "one.pwpack", "--sign", "acme.key"], DONE);
    desk.told(&["pack", "build", "return-desk", "-o", "two.pwpack", "--sign", "acme.key"], DONE);
    desk.told(&["pack", "build", "return-desk", "-o", "plain.pwpack"], DONE);
    let bytes = |file: &str| std::fs::read(desk.path(file)).expect("it was built");
    assert_eq!(bytes("one.pwpack"), bytes("two.pwpack"));
    let verified = desk.json(&["pack", "verify", "one.pwpack", "--trust", "acme.pub", "--json"], DONE);
    assert_eq!((&verified["signer"], &verified["name"]), (&json!("Acme consulting"), &json!("return-desk")));
    assert!(desk.told(&["pack", "verify", "one.pwpack"], FAILED).contains("unknown_signer"));
    assert!(desk.told(&["pack", "build", "return-desk", "-o", "x.zip"], FAILED).contains(".pwpack"));
    assert!(
        desk.told(&["pack", "build", "return-desk", "-o", "x.pwpack", "--sign", "acme.pub"], FAILED).contains("secret")
    );

    // The customer's server.
    std::fs::write(desk.path("packwork.toml"), "[packs]\ntrust = \"acme.pub\"\nsigned_only = true\n")
        .expect("it is written");
    let at = desk.customer();
    let words = |words: &[&'static str]| -> Vec<&'static str> { words.iter().chain(&at).copied().collect() };
    let packs = || -> Json { desk.json(&words(&["pack", "list", "--json"]), DONE) };
    let before = packs();
    assert!(desk.told(&words(&["pack", "plan", "return-desk"]), FAILED).contains("unsigned_pack"));
    assert!(desk.told(&words(&["pack", "apply", "plain.pwpack"]), FAILED).contains("unsigned_pack"));
    assert_eq!(packs(), before);
    let plan = desk.json(&words(&["pack", "plan", "one.pwpack", "--json"]), DONE);
    assert_eq!(plan["signers"], json!({"return-desk": "Acme consulting"}));
    let told = desk.told(&words(&["pack", "apply", "one.pwpack"]), DONE);
    assert!(told.contains("return-desk: - -> 0.1.0 (Acme consulting)") && told.contains("is in force"), "{told}");
    assert_eq!(packs()["data"].as_array().map(Vec::len), before["data"].as_array().map(|data| data.len() + 1));
}
