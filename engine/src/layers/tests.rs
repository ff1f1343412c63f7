//! Layers: extensions, the tenant's changes, upgrades under them.

use super::edit::{Editor, edit};
use super::path::get;
use super::upgrade::{Policy, Resolving, rebase};
use super::{Change, Composed, Origin, compose};
use crate::definition::Kind;
use crate::diagnostic::Diagnostics;
use crate::moment::Moment;
use crate::pack::{Pack, order};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

fn pack(name: &str, version: &str, requires: Json, files: &[(&str, Json)]) -> Pack {
    let manifest = json!({"name": name, "version": version, "title": "T", "description": "D", "requires": requires});
    let mut bytes: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(file, json)| ((*file).to_owned(), json.to_string().into_bytes())).collect();
    bytes.insert("pack.json".to_owned(), manifest.to_string().into_bytes());
    Pack::read(&bytes, &mut Diagnostics::default())
}

fn orders(version: &str, fields: Json) -> Pack {
    let object = json!({"kind": "object", "name": "order", "title": "Order", "fields": fields,
        "list": {"columns": ["code", "kind"], "sort": [], "filters": []}});
    pack("orders", version, json!({}), &[("objects/order.json", object)])
}

fn first() -> Pack {
    orders(
        "1.0.0",
        json!({
            "code": {"type": "text", "title": "Code"},
            "kind": {"type": "choice", "title": "Kind", "options": {"a": {"title": "A"}, "b": {"title": "B"}}}
        }),
    )
}

/// Composes packs and says what was found, texts aside.
fn layered(packs: &[Pack], overlay: &[Change]) -> (Composed, Vec<String>) {
    let mut found = Diagnostics::default();
    let packs = order::ordered(packs.to_vec(), &mut found);
    let composed = compose(&packs, overlay, &mut found);
    let found = found.into_sorted().into_iter().filter(|finding| finding.code.as_str() != "missing_text");
    (composed, found.map(|finding| format!("{} {}#{}", finding.code, finding.file, finding.pointer)).collect())
}

fn order_of(composed: &Composed) -> &super::Composite {
    &composed.documents[&(Kind::Object, "order".into())]
}

/// What an administrator makes of the order of a pack.
fn edited(packs: &[Pack], change: impl FnOnce(&mut Json)) -> Vec<Change> {
    let (composed, _) = layered(packs, &[]);
    let packaged = order_of(&composed);
    let mut json = packaged.plain();
    change(&mut json);
    let editor = Editor { author: None, at: Moment::from_micros(0), reason: "asked for", chinese: false };
    edit(packaged, Kind::Object, &"order".into(), "1.0.0", json, &[], &editor).changes
}

fn upgraded(from: &Pack, to: &Pack, overlay: &[Change], said: &[(&str, Policy)]) -> super::upgrade::Rebased {
    let (old, new) = (layered(std::slice::from_ref(from), &[]).0, layered(std::slice::from_ref(to), &[]).0);
    let said = said.iter().map(|(address, policy)| ((*address).to_owned(), *policy)).collect();
    rebase(
        overlay,
        &old,
        &new,
        &Resolving { said, policies: to.policies.iter().map(|(p, policy)| (p.as_str(), *policy)).collect() },
    )
}

#[test]
fn an_extension_adds_by_name_and_by_id() {
    let extension = json!({"kind": "object", "name": "order", "extends": true,
        "fields": {"fee": {"type": "money", "title": "Fee"}, "kind": {"options": {"c": {"title": "C"}}}},
        "order": {"/fields/fee": "code"}, "remove": ["/fields/kind/options/a"],
        "list": {"columns": ["fee"]}});
    let returns = pack("returns", "1.0.0", json!({"orders": "*"}), &[("objects/order.json", extension)]);
    let (composed, found) = layered(&[returns, first()], &[]);
    assert_eq!(found, Vec::<String>::new());
    let order = order_of(&composed);
    assert_eq!(super::path::names(&order.json["fields"]), ["code", "fee", "kind"]);
    assert_eq!(super::path::names(&order.json["fields"]["kind"]["options"]), ["b", "c"]);
    assert_eq!(order.json["list"]["columns"], json!(["code", "kind", "fee"]));
    let of = |path: &str| order.origin(path).pack().map(|name| name.to_string());
    assert_eq!(of("/fields/fee/title").as_deref(), Some("returns"));
    assert_eq!(of("/fields/kind/options/c").as_deref(), Some("returns"));
    assert_eq!(of("/fields/kind/title").as_deref(), Some("orders"));
}

#[test]
fn extensions_that_exclude_each_other_are_told_and_those_that_know_each_other_are_not() {
    let extension = |title: &str| {
        json!({"kind": "object", "name": "order", "extends": true,
        "fields": {"fee": {"type": "money", "title": title}}})
    };
    let one = pack("one", "1.0.0", json!({"orders": "*"}), &[("objects/order.json", extension("Fee"))]);
    let two = |requires: Json, title: &str| pack("two", "1.0.0", requires, &[("objects/order.json", extension(title))]);
    let found = |two: Pack| layered(&[first(), one.clone(), two], &[]).1;
    assert_eq!(
        found(two(json!({"orders": "*"}), "Charge")),
        ["extension_conflict two/objects/order.json#/fields/fee/title"]
    );
    assert_eq!(found(two(json!({"orders": "*"}), "Fee")), Vec::<String>::new());
    assert_eq!(found(two(json!({"orders": "*", "one": "*"}), "Charge")), Vec::<String>::new());
    assert_eq!(found(two(json!({}), "Fee")), ["undeclared_dependency two/objects/order.json#/name"]);
}

#[test]
fn an_extension_of_nothing_is_told() {
    let extension = json!({"kind": "object", "name": "ordr", "extends": true, "fields": {}});
    let returns = pack("returns", "1.0.0", json!({"orders": "*"}), &[("objects/order.json", extension)]);
    assert_eq!(layered(&[first(), returns], &[]).1, ["unknown_reference returns/objects/order.json#/name"]);
}

#[test]
fn an_edit_becomes_one_change_per_property_and_gives_the_edited_document_back() {
    let packs = [first()];
    let edit = |json: &mut Json| {
        json["fields"]["code"]["title"] = json!("Number");
        json["fields"]["code"]["required"] = json!(true);
        json["fields"]["kind"]["options"].as_object_mut().expect("it has options").shift_remove("a");
        json["fields"]["x_remark"] = json!({"type": "text", "title": "Remark"});
        json["list"]["columns"] = json!(["x_remark", "code", "kind"]);
    };
    let changes = edited(&packs, edit);
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/fields/code/title",
            "/fields/code/required",
            "/fields/kind/options/a",
            "/fields/x_remark",
            "/list/columns/x_remark",
            "/list/columns/x_remark/$after"
        ]
    );
    let (composed, _) = layered(&packs, &changes);
    let mut expect = order_of(&layered(&packs, &[]).0).plain();
    edit(&mut expect);
    assert_eq!(order_of(&composed).plain(), expect);
    assert!(
        matches!(order_of(&composed).origin("/fields/code/title"), Origin::Tenant { reason, .. } if reason == "asked for")
    );
    // Taking one change back gives the packaged value of that property.
    let (reverted, _) = layered(&packs, &changes[1..]);
    assert_eq!(order_of(&reverted).json["fields"]["code"]["title"], "Code");
}

#[test]
fn fields_an_administrator_adds_get_names_no_pack_can_have() {
    let (composed, _) = layered(&[first()], &[]);
    let packaged = order_of(&composed);
    let mut json = packaged.plain();
    json["fields"]["remark"] = json!({"type": "text"});
    json["fields"]["shout"] =
        json!({"type": "text", "formula": "record.remark + remark + customer.remark + \"remark\""});
    json["list"]["columns"] = json!(["code", "kind", "remark"]);
    let editor = Editor { author: None, at: Moment::from_micros(0), reason: "", chinese: false };
    let edit = edit(packaged, Kind::Object, &"order".into(), "1.0.0", json, &[], &editor);
    assert_eq!(edit.renamed["remark"], "x_remark");
    let (composed, _) = layered(&[first()], &edit.changes);
    let order = order_of(&composed);
    assert_eq!(order.json["list"]["columns"], json!(["code", "kind", "x_remark"]));
    assert_eq!(order.json["fields"]["x_shout"]["formula"], "record.x_remark + x_remark + customer.remark + \"remark\"");
    // The next version brings a field of that name: both stand side by side.
    let next = orders("2.0.0", json!({"code": {"type": "text"}, "remark": {"type": "long_text"}}));
    let rebased = upgraded(&first(), &next, &edit.changes, &[]);
    assert_eq!(rebased.conflicts, []);
    let (composed, _) = layered(&[next], &rebased.changes);
    let fields = &order_of(&composed).json["fields"];
    assert_eq!((&fields["remark"]["type"], &fields["x_remark"]["type"]), (&json!("long_text"), &json!("text")));
}

#[test]
fn a_title_both_have_changed_is_one_conflict_and_neither_is_lost() {
    let changes = edited(&[first()], |json| json["fields"]["code"]["title"] = json!("Number"));
    let next = orders("2.0.0", json!({"code": {"type": "text", "title": "Order code"}, "kind": {"type": "text"}}));
    for (said, title, resolution) in
        [(None, "Number", Policy::Tenant), (Some(Policy::Pack), "Order code", Policy::Pack)]
    {
        let said: Vec<_> = said.into_iter().map(|policy| ("object/order/fields/code/title", policy)).collect();
        let rebased = upgraded(&first(), &next, &changes, &said);
        assert_eq!(rebased.conflicts.len(), 1, "{:#?}", rebased.conflicts);
        let conflict = &rebased.conflicts[0];
        assert_eq!(
            (&conflict.base, &conflict.tenant, &conflict.pack, conflict.resolution),
            (&Some(json!("Code")), &Some(json!("Number")), &Some(json!("Order code")), resolution)
        );
        let (composed, _) = layered(std::slice::from_ref(&next), &rebased.changes);
        assert_eq!(order_of(&composed).json["fields"]["code"]["title"], title);
        // Once decided it is no conflict any more.
        assert_eq!(upgraded(&next, &next, &rebased.changes, &[]).conflicts, []);
    }
    // A pack may ask for somebody's word.
    let mut asking = next;
    asking.policies.insert("object/order/fields/*/title".into(), Policy::Ask);
    assert_eq!(upgraded(&first(), &asking, &changes, &[]).conflicts[0].resolution, Policy::Ask);
}

#[test]
fn an_option_the_tenant_took_out_stays_out_while_the_pack_adds_others() {
    let changes = edited(&[first()], |json| {
        json["fields"]["kind"]["options"].as_object_mut().expect("it has options").shift_remove("a");
    });
    let next = orders(
        "2.0.0",
        json!({"code": {"type": "text"}, "kind": {"type": "choice", "title": "Kind",
        "options": {"a": {"title": "A"}, "b": {"title": "B"}, "c": {"title": "C"}, "d": {"title": "D"}}}}),
    );
    let rebased = upgraded(&first(), &next, &changes, &[]);
    assert_eq!(rebased.conflicts, []);
    let (composed, _) = layered(&[next], &rebased.changes);
    assert_eq!(super::path::names(&order_of(&composed).json["fields"]["kind"]["options"]), ["b", "c", "d"]);
}

#[test]
fn what_both_have_made_equal_is_the_packs_again() {
    let changes = edited(&[first()], |json| json["fields"]["code"]["title"] = json!("Number"));
    let next = orders("2.0.0", json!({"code": {"type": "text", "title": "Number"}, "kind": {"type": "text"}}));
    let rebased = upgraded(&first(), &next, &changes, &[]);
    assert_eq!((rebased.changes.len(), rebased.conflicts.len(), rebased.dropped.len()), (0, 0, 1));
}

#[test]
fn changes_follow_a_renamed_definition_and_wait_for_one_that_is_gone() {
    let changes = edited(&[first()], |json| json["fields"]["code"]["title"] = json!("Number"));
    let renamed = json!({"kind": "object", "name": "sale", "was": "order", "title": "Sale",
        "fields": {"code": {"type": "text", "title": "Code"}}});
    let next = pack("orders", "2.0.0", json!({}), &[("objects/sale.json", renamed)]);
    let rebased = upgraded(&first(), &next, &changes, &[]);
    assert_eq!((&*rebased.changes[0].name, rebased.conflicts.len()), ("sale", 0));
    let gone = pack("orders", "3.0.0", json!({}), &[]);
    let rebased = upgraded(&first(), &gone, &changes, &[]);
    let (composed, _) = layered(&[gone], &rebased.changes);
    assert_eq!(composed.dormant.len(), 1);
    let (composed, _) = layered(&[first()], &rebased.changes);
    assert_eq!(get(&order_of(&composed).json, "/fields/code/title"), Some(json!("Number")));
}

#[test]
fn texts_edited_in_chinese_leave_the_english_ones() {
    let mut orders = first();
    orders.chinese.insert("object/order/fields/code/title".into(), "代码".into());
    let (composed, _) = layered(std::slice::from_ref(&orders), &[]);
    let packaged = order_of(&composed);
    let mut json = packaged.plain();
    json["fields"]["code"]["title"] = json!("编号");
    let editor = Editor { author: None, at: Moment::from_micros(0), reason: "", chinese: true };
    let edit = edit(packaged, Kind::Object, &"order".into(), "1.0.0", json, &[], &editor);
    let (composed, _) = layered(&[orders], &edit.changes);
    let order = order_of(&composed);
    assert_eq!(order.json["fields"]["code"]["title"], "Code");
    assert!(order.chinese().any(|text| text == (&"fields/code/title".to_owned(), "编号")));
}

/// The packs with the overlay, and with the overlay as a pack: both must say the same.
fn promoted(packs: &[Pack], overlay: &[Change]) -> (super::promote::Promoted, Pack) {
    let label = super::promote::Label {
        name: "house-style",
        version: "1.0.0",
        title: "House style",
        title_chinese: "本店风格",
    };
    let promoted = super::promote::promote(packs, overlay, &label);
    let mut found = Diagnostics::default();
    let pack = Pack::read(&promoted.files, &mut found);
    assert!(!found.has_errors(), "{:?}", found.into_sorted());
    (promoted, pack)
}

#[test]
fn changes_of_a_tenant_become_a_pack_that_gives_the_same_definitions() {
    let packs = [first()];
    let mut overlay = edited(&packs, |order| {
        order["fields"]["code"]["title"] = json!("Number");
        order["fields"]["kind"]["options"].as_object_mut().expect("it has options").shift_remove("a");
        order["fields"]["kind"]["options"]["c"] = json!({"title": "C"});
        order["fields"]["seal"] = json!({"type": "text", "title": "Seal"});
        order["fields"]["kind"]["required"] = json!(true);
        order["list"]["columns"] = json!(["kind", "x_seal", "code"]);
    });
    let now = overlay[0].clone();
    let own = json!({"kind": "object", "name": "x_note", "title": "Note", "plural": "Notes",
        "fields": {"text": {"type": "text", "title": "Text"}}});
    let uid = super::content::uid(super::TENANT, Kind::Object, "x_note");
    overlay.push(Change { name: "x_note".into(), uid, path: String::new(), value: Some(own), ..now.clone() });
    let chinese = Some(json!("印章"));
    overlay.push(Change { path: "/$zh-CN/fields~1x_seal~1title".into(), value: chinese, ..now.clone() });
    overlay.push(Change { path: "/fields/gone/title".into(), value: Some(json!("?")), base: None, ..now });

    let (promoted, pack) = promoted(&packs, &overlay);
    let left: Vec<&str> = promoted.left_out.iter().map(|left| left.path.as_str()).collect();
    assert_eq!(left, ["/fields/gone/title"]);
    assert_eq!(promoted.left_out[0].reason, super::promote::Reason::Dormant);
    assert_eq!(pack.requires["orders"], "^1.0.0");
    assert_eq!(pack.chinese["object/order/fields/x_seal/title"], "印章");

    let (with_overlay, _) = layered(&packs, &overlay);
    let (with_pack, found) = layered(&[packs[0].clone(), pack.clone()], &[]);
    assert_eq!(found, Vec::<String>::new());
    for (key, composite) in &with_overlay.documents {
        assert_eq!(
            composite.hash, with_pack.documents[key].hash,
            "{key:?}\n{}\n{}",
            composite.json, with_pack.documents[key].json
        );
        assert_eq!(composite.uid, with_pack.documents[key].uid, "{key:?}");
    }
    assert_eq!(with_overlay.documents.len(), with_pack.documents.len());

    // What the pack says, the tenant need not say any more.
    let both = rebase(&overlay, &layered(&packs, &[]).0, &with_pack, &Resolving::default());
    assert_eq!(both.conflicts, []);
}

#[test]
fn a_definition_that_was_taken_out_stays_out_of_the_pack_and_is_told() {
    let packs = [first()];
    let gone = edited(&packs, |order| order["title"] = json!("x"))[0].clone();
    let overlay = [Change { path: String::new(), value: None, ..gone }];
    let (promoted, pack) = promoted(&packs, &overlay);
    assert_eq!(promoted.left_out[0].reason, super::promote::Reason::DefinitionTakenOut);
    assert!(pack.documents.is_empty());
}
