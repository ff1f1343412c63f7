//! What only a store in files promises: one process per folder, and what was answered is on the disk.

use super::fixture::{Fixture, Folder};
use packwork::store::{Database, Scope, Store, StoreError};
use std::process::Command;

#[tokio::test]
async fn a_folder_in_use_is_refused_by_name() {
    let fixture = Fixture::sqlite().await;
    let Database::Sqlite { folder } = &fixture.database else { panic!("not in files") };
    let Err(error) = Store::open(&fixture.database, "test").await else { panic!("a tenant was opened twice") };
    assert!(matches!(&error, StoreError::FolderInUse(named) if named == folder), "{error:?}");
    assert!(error.to_string().contains(&folder.display().to_string()), "{error}");
    // Other tenants of the same process share the folder.
    Store::open(&fixture.database, "other").await.expect("the folder is ours");
}

/// The test below runs this one in a process of its own.
#[tokio::test]
async fn opens_the_folder_it_is_given() {
    let Ok(folder) = std::env::var("PACKWORK_TEST_FOLDER") else { return };
    let result = Store::open(&Database::Sqlite { folder: folder.into() }, "other").await;
    assert!(matches!(result, Err(StoreError::FolderInUse(_))), "{result:?}");
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let fixture = Fixture::sqlite().await;
    let Database::Sqlite { folder } = &fixture.database else { panic!("not in files") };
    let program = std::env::current_exe().expect("this test is a program");
    let mut second = Command::new(program);
    second.args(["--exact", "store::sqlite::opens_the_folder_it_is_given"]).env("PACKWORK_TEST_FOLDER", folder);
    let output = tokio::task::spawn_blocking(move || second.output()).await.expect("it does not panic");
    let output = output.expect("this test can start itself");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn what_was_answered_is_there_after_opening_again() {
    let folder = Folder::new();
    let database = Database::Sqlite { folder: folder.0.clone() };
    let scope = Scope::system("test");
    let user = uuid::Uuid::from_u128(1);
    let store = Store::open(&database, "test").await.expect("it opens");
    store.set_credential(&scope, user, "hash").await.expect("it writes");
    store.close().await;
    let store = Store::open(&database, "test").await.expect("the folder is free again");
    assert_eq!(store.credential(&scope, user).await.expect("it reads").as_deref(), Some("hash"));
}

#[tokio::test]
async fn names_that_are_no_tenant_are_refused() {
    let folder = Folder::new();
    let database = Database::Sqlite { folder: folder.0.clone() };
    for name in ["", "../up", "Big", "a b", "1st", "a\"b", &"a".repeat(49)] {
        let result = Store::open(&database, name).await;
        assert!(matches!(result, Err(StoreError::TenantName(_))), "{name}: {result:?}");
    }
}
