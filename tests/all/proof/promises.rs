//! The promises about upgrades and the tests that hold them: the table of the documentation names tests that are there.

use crate::repository;

#[test]
fn every_promise_names_tests_that_are_there() {
    let page = repository::read("docs/reference/upgrade-promises.md").expect("the page is there");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).collect();
    assert_eq!(rows.len(), 10, "ten promises");
    for row in rows {
        let tests: Vec<&str> = row.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
        assert!(!tests.is_empty(), "nothing holds: {row}");
        let databases = |database: &str| tests.iter().any(|test| test.ends_with(database));
        let one_process = tests.iter().any(|test| test.contains("one_process"));
        assert!(one_process || databases("_on_sqlite") && databases("_on_postgres"), "one database only: {row}");
        for test in tests {
            let (module, name) = test.rsplit_once("::").expect("a test is in a module");
            let file = format!("tests/all/{}.rs", module.replace("::", "/"));
            let text = repository::read(&file).unwrap_or_else(|| panic!("{file} of {test} is not there"));
            let is_there =
                text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == name);
            assert!(is_there, "{file} has no `{name}`");
        }
    }
}
