//! Rows share what their record has: to the last cent, whatever changes, from the moment of publication on.

use super::fixture::{apply, names, on_both, parcels, plan_packs, text, upgrade};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

fn number(more: Json) -> Json {
    let mut field = json!({"type": "decimal", "title": "Number"});
    if let (Some(field), Json::Object(more)) = (field.as_object_mut(), more) {
        field.extend(more);
    }
    field
}

fn row(mut fields: Json) -> Json {
    fields["amount"] = number(json!({}));
    json!({"kind": "object", "name": "parcel_line", "title": "Line", "plural": "Lines", "owned_by": "parcel",
        "fields": fields, "rules": {"covered": {"require": "left == () || left >= 0", "message": "more than it costs"}}})
}

/// What a line has of the discount, and what is left of it.
fn shared() -> Json {
    json!({
        "part": number(json!({"share": {"of": "discount", "by": "amount"}})),
        "left": number(json!({"formula": "amount - (part ?? 0)"})),
    })
}

/// Parcels with a discount; its lines are known by `amount` and have what these fields say besides.
fn discounted(version: &str, lines: Json) -> Json {
    let lines = match lines.get("left") {
        Some(_) => row(lines),
        None => {
            let mut plain = row(lines);
            plain["rules"] = json!({});
            plain
        }
    };
    let has_left = lines["fields"].get("left").is_some();
    let fields = json!({
        "discount": number(json!({})),
        "lines": {"type": "items", "title": "Lines", "to": "parcel_line"},
        "total": {"type": "rollup", "title": "Total", "of": "lines", "sum": if has_left { "left" } else { "amount" }},
        "payable": number(json!({"formula": "total"})),
    });
    parcels(version, fields, &[("objects/parcel_line.json", lines)])
}

/// What the lines of a parcel have, and what is payable.
async fn parts(test: &TestApp, code: &str) -> (Vec<String>, String) {
    let parcel = test.get(&format!("/records/parcel/{code}")).await.ok();
    let lines = parcel["lines"].as_array().into_iter().flatten();
    (lines.map(|line| text(&line["part"])).collect(), text(&parcel["payable"]))
}

fn lines(amounts: &[&str]) -> Json {
    amounts.iter().map(|amount| json!({"amount": amount})).collect()
}

fn found(parts: &[&str], payable: &str) -> (Vec<String>, String) {
    (parts.iter().map(|part| (*part).to_owned()).collect(), payable.to_owned())
}

async fn shares_follow_the_amount_and_the_rows(on: On) {
    let test = TestApp::new(on).await;
    upgrade(&test, discounted("1.0.0", shared())).await;
    let parcel = json!({"code": "p", "discount": "30.00", "lines": lines(&["270.00", "59.90"])});
    let created = test.post("/records/parcel", parcel).await.ok();
    assert_eq!(parts(&test, "p").await, found(&["24.55", "5.45"], "299.90"));
    let change = async |version: i64, mut fields: Json| {
        fields["version"] = json!(version);
        test.system(Method::PATCH, "/records/parcel/p", Some(fields)).await
    };

    // The amount alone: its rows are written with it, and the history tells both.
    let changed = change(1, json!({"discount": "0.01"})).await.ok();
    assert_eq!(parts(&test, "p").await, found(&["0.01", "0.00"], "329.89"));
    assert_eq!(changed["lines"][0]["id"], created["lines"][0]["id"], "the rows stay who they are");
    let history = test.get("/records/parcel/p/history").await.ok();
    assert_eq!(names(&history["data"][0]["changes"]), ["discount", "lines", "payable", "total"], "{history:#}");

    // The rows alone, one of them new; nothing shared is no share.
    let kept = json!([{"id": created["lines"][0]["id"]}, {"amount": "270.00"}]);
    change(2, json!({"lines": kept})).await.ok();
    assert_eq!(parts(&test, "p").await, found(&["0.01", "0.00"], "539.99"));
    change(3, json!({"discount": null})).await.ok();
    assert_eq!(parts(&test, "p").await, found(&["", ""], "540.00"));

    // Nobody gives a share, the rows are judged with theirs, and weights must carry the amount.
    let told = change(4, json!({"lines": [{"amount": "1.00", "part": "1.00"}]})).await.refused(422, "read_only");
    assert_eq!(told["errors"][0]["pointer"], "/lines/0/part");
    let told = change(4, json!({"discount": "541.00"})).await.refused(422, "rule_broken");
    assert_eq!(told["errors"][0]["pointer"], "/lines/0", "{told:#}");
    for amounts in [["0.00", "0.00"], ["100.00", "-1.00"]] {
        let told = change(4, json!({"discount": "1.00", "lines": lines(&amounts)})).await.refused(422, "not_shared");
        assert_eq!(told["errors"][0]["pointer"], "/discount");
        assert_eq!(told["errors"][0]["params"]["share"], "part");
    }
    change(4, json!({"discount": "1.00", "lines": []})).await.ok();
    assert_eq!(parts(&test, "p").await, found(&[], "0.00"));
}

async fn records_of_before_get_their_shares(on: On) {
    let test = TestApp::new(on).await;
    upgrade(&test, discounted("1.0.0", json!({}))).await;
    test.post("/records/parcel", json!({"code": "p", "discount": "0.10", "lines": lines(&["1", "1", "1"])})).await.ok();
    let applied = upgrade(&test, discounted("1.1.0", shared())).await;
    assert_eq!(applied["jobs"].as_array().map(Vec::len), Some(1), "{applied:#}");
    test.work(usize::MAX).await;
    assert_eq!(parts(&test, "p").await, found(&["0.04", "0.03", "0.03"], "2.90"));
}

async fn what_cannot_be_shared_is_said(on: On) {
    let test = TestApp::new(on).await;
    let check = async |part: Json, expected: &[&str]| {
        let plan = plan_packs(&test, discounted("1.0.0", json!({"part": part, "left": shared()["left"]})), json!({}));
        let plan = plan.await;
        let findings = plan["findings"].as_array().cloned().unwrap_or_default();
        let errors = findings.iter().filter(|finding| finding["severity"] != "warning");
        let found: Vec<String> =
            errors.map(|finding| format!("{} {}", text(&finding["code"]), text(&finding["pointer"]))).collect();
        assert_eq!(found, expected, "{plan:#}");
        assert_eq!(apply(&test, &plan).await.status.is_success(), expected.is_empty());
    };
    let share = |of: &str, by: &str| json!({"share": {"of": of, "by": by}});
    check(number(share("nothing", "amount")), &["unknown_reference /fields/part/share/of"]).await;
    check(number(share("discount", "nothing")), &["unknown_reference /fields/part/share/by"]).await;
    check(number(share("code", "amount")), &["bad_property /fields/part/share/of"]).await;
    check(
        number(json!({"scale": 1, "share": {"of": "discount", "by": "amount"}})),
        &["bad_property /fields/part/share/of"],
    )
    .await;
    let money = json!({"type": "money", "title": "Part", "share": {"of": "discount", "by": "amount"}});
    check(money, &["bad_property /fields/part/share/of"]).await;
    let given = json!({"default": "1", "share": {"of": "discount", "by": "amount"}});
    check(number(given), &["bad_property /fields/part/default"]).await;
    // What is payable is made of what is left when the share is taken off.
    check(number(share("payable", "amount")), &["formula_cycle /fields/part/share"]).await;
    check(number(share("discount", "left")), &["formula_cycle /fields/part/share"]).await;
}

on_both! {
    shares_follow_the_amount_and_the_rows => follow_on_sqlite, follow_on_postgres;
    records_of_before_get_their_shares => before_on_sqlite, before_on_postgres;
    what_cannot_be_shared_is_said => said_on_sqlite, said_on_postgres;
}
