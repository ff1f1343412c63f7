//! Checking definitions: everything wrong is reported at once, each at its place with a hint.

use super::uses::Target;
use super::{Model, Settings};
use crate::definition::Kind;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::pack::Pack;
use std::collections::BTreeMap;

#[path = "tests_settlement.rs"]
mod settlement;

const MANIFEST: &str = r#"{"name": "shop", "version": "1.0.0", "title": "Shop", "description": "A shop"}"#;

/// Checks one pack of these files; texts are left out, so missing ones are not reported here.
fn findings(files: &[(&str, &str)]) -> (Option<Model>, Vec<Diagnostic>) {
    let mut bytes: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    bytes.insert("pack.json".to_owned(), MANIFEST.as_bytes().to_vec());
    let mut diagnostics = Diagnostics::default();
    let pack = Pack::read(&bytes, &mut diagnostics);
    let (model, found) = Model::compile(vec![pack], &Settings::default());
    diagnostics.extend(found);
    let found =
        diagnostics.into_sorted().into_iter().filter(|finding| finding.code.as_str() != "missing_text").collect();
    (model, found)
}

/// Compiles a pack without Chinese: nothing else may be said of it.
fn compiled_without_texts(files: &[(&str, &str)]) -> Model {
    let (_, found) = findings(files);
    assert_eq!(found, []);
    let mut bytes: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    bytes.insert("pack.json".to_owned(), MANIFEST.as_bytes().to_vec());
    let pack = Pack::read(&bytes, &mut Diagnostics::default());
    Model::compile(vec![pack], &Settings::default()).0.expect("nothing else is wrong")
}

fn check(files: &[(&str, &str)], expect: &[&str]) {
    let (_, found) = findings(files);
    let lines: Vec<String> =
        found.iter().map(|finding| format!("{} {}#{}", finding.code, finding.file, finding.pointer)).collect();
    assert_eq!(lines, expect, "{found:#?}");
}

#[test]
fn a_definition_with_ten_mistakes_is_told_all_ten() {
    let object = r#"{
      "kind": "object", "name": "order", "title": "Order", "display": "numbr", "colour": "red",
      "fields": {
        "Number": {"type": "text"},
        "customer": {"type": "reference", "to": "custmer"},
        "quantity": {"type": "decimal", "minimum": "zero"},
        "kind": {"type": "choice"},
        "price": {"type": "mony"},
        "amount": {"type": "money", "formula": "quantiy * 2"},
        "total": {"type": "money", "formula": "quantity * "}
      },
      "rules": {"positive": {"require": "quantity", "message": "must be positive"}}
    }"#;
    check(
        &[("objects/order.json", object)],
        &[
            "unknown_property shop/objects/order.json#/colour",
            "unknown_reference shop/objects/order.json#/display",
            "bad_name shop/objects/order.json#/fields/Number",
            "script_unknown_name shop/objects/order.json#/fields/amount/formula",
            "unknown_reference shop/objects/order.json#/fields/customer/to",
            "missing_property shop/objects/order.json#/fields/kind",
            "bad_property shop/objects/order.json#/fields/price/type",
            "bad_property shop/objects/order.json#/fields/quantity/minimum",
            "script_syntax shop/objects/order.json#/fields/total/formula",
            "script_type shop/objects/order.json#/rules/positive/require",
        ],
    );
}

#[test]
fn a_report_fits_its_object() {
    let object = r#"{"kind": "object", "name": "sale", "title": "Sale", "display": "note", "fields": {
      "note": {"type": "text"}, "sold_on": {"type": "date"}, "amount": {"type": "decimal"}}}"#;
    let report = |rest: &str| {
        let text = format!(r#"{{"kind": "report", "name": "sales", "title": "Sales", "object": "sale", {rest}}}"#);
        let (model, found) = findings(&[("objects/sale.json", object), ("reports/sales.json", &text)]);
        assert_eq!(model.is_some(), found.is_empty());
        found.iter().map(|finding| format!("{} {}", finding.code, finding.pointer)).collect::<Vec<_>>().join(", ")
    };
    let sound = r#""filter": {"sold_on": {"this": "month"}}, "group_by": ["month(sold_on)"],
        "measures": {"total": {"sum": "amount"}}, "having": {"total": {"gte": "1"}}, "sort": ["-total"]"#;
    assert_eq!(report(sound), "");
    let n = r#""measures": {"n": {"count": true}}"#;
    for (rest, told) in [
        (r#""measures": {}"#.to_owned(), "bad_parameter /measures"),
        (r#""measures": {"n": {"sum": "note"}}"#.to_owned(), "bad_parameter /measures"),
        (r#""measures": {"n": {"sum": "amount", "max": "amount"}}"#.to_owned(), "bad_parameter /measures"),
        (r#""measures": {"n": {"sum": "amout"}}"#.to_owned(), "unknown_reference /measures/n"),
        (format!(r#"{n}, "group_by": ["month(amount)"]"#), "bad_parameter /group_by"),
        (format!(r#"{n}, "group_by": ["note.name"]"#), "bad_filter /group_by"),
        (format!(r#"{n}, "filter": {{"and": [{{"sold": {{"eq": 1}}}}]}}"#), "unknown_field /filter/and/0/sold"),
        (format!(r#"{n}, "filter": {{"amount": {{"contains": "1"}}}}"#), "bad_filter /filter/amount/contains"),
        (format!(r#"{n}, "having": {{"m": {{"gte": 1}}}}"#), "bad_parameter /having"),
        (format!(r#"{n}, "sort": ["m"]"#), "bad_parameter /sort"),
    ] {
        assert_eq!(report(&rest), told, "{rest}");
    }
}

#[test]
fn every_finding_about_a_name_says_what_was_probably_meant() {
    let object = r#"{"kind": "object", "name": "order", "title": "Order", "fields": {
        "quantity": {"type": "decimal"}, "amount": {"type": "decimal", "formula": "quantiy * 2"}}}"#;
    let (_, found) = findings(&[("objects/order.json", object)]);
    assert!(found.iter().any(|finding| finding.message.contains("quantity")), "{found:#?}");
    assert_eq!(found[0].position, Some((1, 1)));
}

#[test]
fn formulas_that_read_each_other_in_a_circle_are_refused() {
    let object = r#"{"kind": "object", "name": "order", "title": "Order", "fields": {
        "a": {"type": "decimal", "formula": "b + 1"}, "b": {"type": "decimal", "formula": "c + 1"}, "c": {"type": "decimal", "formula": "a + 1"}}}"#;
    check(&[("objects/order.json", object)], &["formula_cycle shop/objects/order.json#/fields/a/formula"]);
}

#[test]
fn states_nothing_leads_to_and_transitions_to_nowhere_are_told() {
    let object = r#"{"kind": "object", "name": "order", "title": "Order", "fields": {"name": {"type": "text"}}}"#;
    let lifecycle = r#"{"kind": "lifecycle", "name": "order_states", "title": "States", "on": "order", "initial": "draft",
        "states": {"draft": {}, "sent": {}, "lost": {}}, "transitions": {"send": {"from": ["draft"], "to": "snt"}}}"#;
    check(
        &[("objects/order.json", object), ("lifecycles/order_states.json", lifecycle)],
        &[
            "unreachable_state shop/lifecycles/order_states.json#/states/lost",
            "unreachable_state shop/lifecycles/order_states.json#/states/sent",
            "unknown_reference shop/lifecycles/order_states.json#/transitions/send/to",
        ],
    );
}

#[test]
fn files_that_are_no_definitions_are_named() {
    check(
        &[
            ("objects/a.json", "{\"kind\": \"object\","),
            ("objects/b.json", "{\"name\": \"b\"}"),
            ("objects/c.json", "{\"kind\": \"objct\", \"name\": \"c\"}"),
        ],
        &[
            "malformed_json shop/objects/a.json#",
            "bad_definition shop/objects/b.json#/kind",
            "bad_definition shop/objects/c.json#/kind",
        ],
    );
}

#[test]
fn tiers_that_do_not_rise_are_refused_at_their_place() {
    let schedule = r#"{"kind": "schedule", "name": "steps", "title": "Steps", "mode": "graduated",
        "tiers": [{"up_to": "10", "price": "1"}, {"up_to": "5", "price": "2"}, {"up_to": null, "price": "3"}]}"#;
    check(&[("settlement/steps.json", schedule)], &["bad_schedule shop/settlement/steps.json#/tiers/1"]);
}

#[test]
fn a_name_written_twice_and_bytes_that_are_no_text_are_refused() {
    let object = "{\"kind\": \"object\", \"name\": \"order\", \"title\": \"Order\", \"fields\": {\n  \"code\": {\"type\": \"text\"},\n  \"code\": {\"type\": \"date\"}}}";
    let (_, found) = findings(&[("objects/order.json", object)]);
    let [finding] = &found[..] else { panic!("{found:#?}") };
    assert_eq!((finding.code.as_str(), finding.pointer.as_str()), ("duplicate_key", "/fields/code"));
    assert_eq!(finding.place, Some((3, 3)));

    let mut diagnostics = Diagnostics::default();
    let files = BTreeMap::from([
        ("pack.json".to_owned(), MANIFEST.as_bytes().to_vec()),
        ("objects/latin.json".to_owned(), b"{\"kind\": \"object\", \"name\": \"caf\xe9\"}".to_vec()),
        ("objects/large.json".to_owned(), vec![b' '; crate::pack::FILE_BYTES_MAX + 1]),
    ]);
    Pack::read(&files, &mut diagnostics);
    let codes: Vec<&str> = diagnostics.into_sorted().iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["file_too_large", "not_utf8"]);
}

#[test]
fn uses_are_found_in_formulas_references_and_lifecycles() {
    let customer = r#"{"kind": "object", "name": "customer", "title": "Customer", "fields": {
        "name": {"type": "text", "title": "Name"}, "level": {"type": "decimal", "title": "Level"}}}"#;
    let order = r#"{"kind": "object", "name": "order", "title": "Order", "fields": {
        "customer": {"type": "reference", "to": "customer"}, "note": {"type": "text"},
        "level": {"type": "decimal", "formula": "customer.level * 2"}},
        "rules": {"known": {"require": "customer.level > 0", "message": "unknown"}}}"#;
    let states = r#"{"kind": "lifecycle", "name": "order_states", "title": "States", "on": "order", "initial": "draft",
        "states": {"draft": {}, "sent": {}}, "transitions": {"send": {"from": ["draft"], "to": "sent", "require": ["note"]}}}"#;
    let files =
        [("objects/customer.json", customer), ("objects/order.json", order), ("lifecycles/order_states.json", states)];
    let model = compiled_without_texts(&files);
    let places = |target: Target| -> Vec<String> {
        model.where_used(&target).map(|used| format!("{}{}", used.by.1, used.pointer)).collect()
    };
    assert_eq!(places(Target::field("customer", "level")), ["order/fields/level/formula", "order/rules/known/require"]);
    assert_eq!(places(Target::field("order", "note")), ["order_states/transitions/send/require/0"]);
    assert_eq!(places(Target::field("customer", "name")), [""; 0]);
    assert_eq!(
        places(Target::definition(Kind::Object, "customer")),
        ["order/fields/customer/to", "order/fields/level/formula", "order/rules/known/require"]
    );
}

#[test]
fn what_another_pack_defines_is_used_only_by_packs_that_require_it() {
    let pack = |name: &str, requires: &str, files: &[(&str, &str)]| {
        let manifest = format!(
            r#"{{"name": "{name}", "version": "1.0.0", "title": "T", "description": "D", "requires": {requires}}}"#
        );
        let mut bytes: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        bytes.insert("pack.json".to_owned(), manifest.into_bytes());
        Pack::read(&bytes, &mut Diagnostics::default())
    };
    let customer =
        r#"{"kind": "object", "name": "customer", "title": "Customer", "fields": {"name": {"type": "text"}}}"#;
    let order = r#"{"kind": "object", "name": "order", "title": "Order", "fields": {
        "customer": {"type": "reference", "to": "customer"}}}"#;
    for (requires, expect) in [
        ("{}", vec!["undeclared_dependency orders/objects/order.json#/fields/customer/to"]),
        (r#"{"people": "*"}"#, vec![]),
        (r#"{"between": "*"}"#, vec![]),
    ] {
        let packs = vec![
            pack("people", "{}", &[("objects/customer.json", customer)]),
            pack("between", r#"{"people": "*"}"#, &[]),
            pack("orders", requires, &[("objects/order.json", order)]),
        ];
        let (_, found) = Model::compile(packs, &Settings::default());
        let found: Vec<String> = found
            .iter()
            .filter(|finding| finding.code.as_str() != "missing_text")
            .map(|finding| format!("{} {}#{}", finding.code, finding.file, finding.pointer))
            .collect();
        assert_eq!(found, expect, "{requires}");
    }
}

#[test]
fn a_sound_pack_compiles() {
    let object = r#"{"kind": "object", "name": "order", "title": "Order", "key": "code", "fields": {
        "code": {"type": "text"}, "quantity": {"type": "decimal"}, "double": {"type": "decimal", "formula": "quantity * 2"}}}"#;
    let (model, found) = findings(&[("objects/order.json", object)]);
    assert_eq!(found, []);
    // Texts are missing in Chinese, which is only a warning.
    assert!(model.is_some());
}

const SALE: &str = r#"{"kind": "object", "name": "sale", "title": "Sale", "fields": {
  "town": {"type": "text"}, "sold_at": {"type": "date_time"}, "channel": {"type": "text"},
  "amount": {"type": "decimal"}, "notes": {"type": "long_text"}}}"#;

#[test]
fn a_report_asks_for_an_index_with_all_it_reads() {
    let report = r#"{"kind": "report", "name": "sales", "title": "Sales", "object": "sale", "index": true,
      "filter": {"channel": {"eq": "web"}, "amount": {"gt": "0"}}, "group_by": ["month(sold_at)", "town"],
      "measures": {"n": {"title": "n", "count": true}, "total": {"title": "Total", "sum": "amount"}}}"#;
    let model = compiled_without_texts(&[("objects/sale.json", SALE), ("reports/sales.json", report)]);
    let sale = model.object("sale").expect("it is defined");
    let names = |slots: &[usize]| slots.iter().map(|slot| sale.fields[*slot].name.to_string()).collect::<Vec<_>>();
    let [index] = &model.indexes_of_reports(sale)[..] else { panic!("one index") };
    let day = sale.day_of(sale.by_name["sold_at"]).expect("a moment has a business date");
    assert_eq!(names(&index.slots), ["channel", &*sale.fields[day].name, "town"]);
    assert_eq!(names(&index.covers), ["deleted_at", "amount"]);
}

#[test]
fn what_no_index_can_keep_is_said_at_the_report_that_wants_it() {
    let report = r#"{"kind": "report", "name": "sales", "title": "Sales", "object": "sale", "index": true,
      "filter": {"notes": {"contains": "late"}}, "measures": {"n": {"title": "n", "count": true}}}"#;
    check(
        &[("objects/sale.json", SALE), ("reports/sales.json", report)],
        &["bad_property shop/reports/sales.json#/index"],
    );
}

#[test]
fn definitions_nobody_computes_with_are_told() {
    let tiers = |name: &str| {
        format!(
            r#"{{"kind": "schedule", "name": "{name}", "title": "Steps", "mode": "graduated", "tiers": [{{"up_to": null, "rate": "1"}}]}}"#
        )
    };
    let order = r#"{"kind": "object", "name": "order", "title": "Order", "fields": {
        "number": {"type": "sequence", "format": "order_number"}}}"#;
    let number =
        |name: &str| format!(r#"{{"kind": "sequence", "name": "{name}", "title": "Number", "format": "O-{{seq:5}}"}}"#);
    let prices = r#"{"kind": "rate_table", "name": "price", "title": "Prices", "columns": {"channel": {"choice": ["shop", "web"]}},
        "values": {"unit": {"type": "money_or_schedule"}},
        "rows": [{"id": "r1", "channel": "shop", "unit": {"schedule": "steps"}, "valid": ["2026-01-01", null]}]}"#;
    let role = r#"{"kind": "role", "name": "clerk", "title": "Clerk", "objects": {"price": {"read": true}}}"#;
    let (model, found) = findings(&[
        ("objects/order.json", order),
        ("sequences/order_number.json", &number("order_number")),
        ("sequences/other_number.json", &number("other_number")),
        ("settlement/steps.json", &tiers("steps")),
        ("settlement/stairs.json", &tiers("stairs")),
        ("rate-tables/price.json", prices),
        ("roles/clerk.json", role),
    ]);
    let lines: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.code, finding.file)).collect();
    // A role that shows the prices does nothing with them.
    assert_eq!(
        lines,
        [
            "unused_definition shop/rate-tables/price.json",
            "unused_definition shop/sequences/other_number.json",
            "unused_definition shop/settlement/stairs.json",
        ],
        "{found:#?}"
    );
    let model = model.expect("it compiles all the same");
    let by = |kind, name: &str| {
        model.where_used(&Target::definition(kind, name)).map(|used| used.pointer.clone()).collect::<Vec<_>>()
    };
    assert_eq!(by(Kind::Sequence, "order_number"), ["/fields/number/format"]);
}
