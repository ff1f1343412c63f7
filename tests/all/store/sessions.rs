//! What signing in and installing need.

use super::fixture::{Fixture, at};
use packwork::store::{InstalledPack, Session};

pub(crate) async fn sessions_are_found_until_they_end(fixture: Fixture) {
    let (store, scope) = (&fixture.store, &fixture.scope);
    let user = fixture.id();
    let session = |token: u8, expires: i64| Session {
        token_hash: [token; 32],
        user_id: user,
        csrf: "csrf".into(),
        created_at: at(0),
        expires_at: at(expires),
        last_seen: at(0),
    };
    for session in [session(1, 10), session(2, 20), session(3, 30)] {
        store.insert_session(scope, &session).await.expect("it writes");
    }
    let find = async |token: u8| store.session(scope, &[token; 32]).await.expect("it reads");
    assert_eq!(find(1).await, Some(session(1, 10)));
    assert_eq!(find(9).await, None);
    store.touch_session(scope, &[1; 32], at(5), at(40)).await.expect("it writes");
    assert_eq!(find(1).await, Some(Session { last_seen: at(5), ..session(1, 40) }));
    assert_eq!(store.delete_expired_sessions(scope, at(20)).await.expect("it writes"), 0);
    assert_eq!(store.delete_expired_sessions(scope, at(21)).await.expect("it writes"), 1);
    store.delete_session(scope, &[3; 32]).await.expect("it writes");
    assert_eq!((find(2).await, find(3).await), (None, None));
    store.delete_sessions_of(scope, user).await.expect("it writes");
    assert_eq!(find(1).await, None);
}

pub(crate) async fn the_last_password_counts(fixture: Fixture) {
    let (store, scope, user) = (&fixture.store, &fixture.scope, fixture.id());
    assert_eq!(store.credential(scope, user).await.expect("it reads"), None);
    store.set_credential(scope, user, "one").await.expect("it writes");
    store.set_credential(scope, user, "two").await.expect("it writes");
    assert_eq!(store.credential(scope, user).await.expect("it reads").as_deref(), Some("two"));
}

pub(crate) async fn seeds_and_packs_are_remembered(fixture: Fixture) {
    let (store, scope) = (&fixture.store, &fixture.scope);
    store.mark_seeded(scope, "regions", &["a".into(), "b".into()], at(0)).await.expect("it writes");
    store.mark_seeded(scope, "regions", &["b".into(), "c".into()], at(1)).await.expect("it writes");
    let marks = store.seed_marks(scope, "regions").await.expect("it reads");
    assert_eq!(marks.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(store.seed_marks(scope, "other").await.expect("it reads").is_empty());
    let pack = |name: &str| InstalledPack {
        name: name.into(),
        version: "1.0.0".into(),
        hash: "h".into(),
        installed_at: at(0),
    };
    store.set_installed_packs(scope, &[pack("base"), pack("sales")]).await.expect("it writes");
    store.set_installed_packs(scope, &[pack("visits"), pack("base")]).await.expect("it writes");
    assert_eq!(store.installed_packs(scope).await.expect("it reads"), [pack("base"), pack("visits")]);
}
