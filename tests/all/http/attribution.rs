//! Income, cost and profit by the dimensions of lines, on both databases: what was taken back counts no more, and every
//! view comes to the same total.

use axum::http::Method;
use packwork_engine::moment::Moment;
use packwork_tests::app::{Industry, On, TestApp};
use serde_json::{Value as Json, json};

const CHANNEL: Industry = &[("channel", "1.0.0")];

/// Jobs of two salespeople for two customers: two that partners invoice, one that the company does.
async fn channel(on: On) -> (TestApp, String) {
    let now = Moment::parse("2026-03-02T01:00:00Z").expect("the constant is a moment");
    let test = TestApp::with(on, now, CHANNEL).await;
    for (code, name) in [("le_hq", "总部"), ("le_x", "渠道")] {
        test.post("/records/legal_entity", json!({"code": code, "name": name})).await.ok();
    }
    test.post("/records/department", json!({"code": "hq", "name": "总部", "legal_entity": "le_hq"})).await.ok();
    for (code, mode) in [("dist1", "distribution"), ("joint1", "joint")] {
        let partner = json!({"code": code, "name": code, "mode": mode, "legal_entity": "le_x"});
        test.post("/records/partner", partner).await.ok();
    }
    for code in ["c1", "c2"] {
        test.post("/records/customer", json!({"code": code, "name": code})).await.ok();
    }
    for login in ["w", "z"] {
        test.post("/records/user", json!({"login": login, "name": login, "roles": []})).await.ok();
    }
    let mut last = String::new();
    let jobs = [
        ("j1", "dist1", "c1", "w", "inspection", "1000.00", Some("200.00")),
        ("j2", "joint1", "c1", "z", "inspection", "500.00", None),
        ("j3", "dist1", "c2", "w", "ac_repair", "2000.00", None),
    ];
    for (number, partner, customer, salesperson, service, fee, cost) in jobs {
        let job = json!({"number": number, "partner": partner, "customer": customer, "salesperson": salesperson,
            "service": service, "region": "310115", "done_on": "2026-03-10", "fee": fee, "cost": cost});
        let made = test.post("/records/channel_job", job).await.ok();
        last = format!("/records/channel_job/{number}/transitions");
        test.post(&format!("{last}/confirm"), json!({"version": made["version"]})).await.ok();
    }
    (test, last)
}

fn figures(view: &Json, by: &str) -> Vec<[String; 4]> {
    let text = |value: &Json| value.as_str().map_or_else(|| value["title"].to_string(), str::to_owned);
    let rows = view["data"].as_array().into_iter().flatten();
    rows.map(|row| [by, "income", "cost", "profit"].map(|name| text(&row[name]).replace('"', ""))).collect()
}

async fn every_amount_belongs_to_somebody(on: On) {
    let (test, last) = channel(on).await;
    let view = async |by: &str| test.get(&format!("/settlement/attribution?by={by}&period=2026-03")).await.ok();
    let expect = |rows: &[[&str; 4]]| rows.iter().map(|row| row.map(str::to_owned)).collect::<Vec<_>>();
    let dimensions = test.get("/settlement/dimensions").await.ok();
    let named = |name: &str, title: &str| json!({"name": name, "title": title});
    let listed = dimensions["data"].as_array().cloned().unwrap_or_default();
    for dimension in [named("customer", "Customer"), named("mode", "Cooperation mode"), named("region", "Region")] {
        assert!(listed.contains(&dimension), "{dimension} of {dimensions:#}");
    }
    let customers = view("customer").await;
    let all = [["c2", "300.00", "0.00", "300.00"], ["c1", "350.00", "200.00", "150.00"]];
    assert_eq!(figures(&customers, "customer"), expect(&all), "{customers:#}");
    let sales = view("salesperson").await;
    let all = [["w", "650.00", "0.00", "650.00"], ["z", "0.00", "200.00", "-200.00"]];
    assert_eq!(figures(&sales, "salesperson"), expect(&all), "{sales:#}");
    let total = json!([{"currency": "CNY", "income": "650.00", "cost": "200.00", "profit": "450.00"}]);
    for by in ["", "customer", "salesperson", "mode", "partner", "region", "service_item", "customer,salesperson"] {
        assert_eq!(view(by).await["totals"], total, "{by}");
    }
    assert_eq!(view("customer,salesperson").await["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(test.get("/settlement/attribution?by=customer&period=2026-04").await.ok()["data"], json!([]));

    let job = test.get("/records/channel_job/j3").await.ok();
    test.post(&format!("{last}/reopen"), json!({"version": job["version"]})).await.ok();
    let customers = view("customer").await;
    assert_eq!(figures(&customers, "customer"), expect(&[["c1", "350.00", "200.00", "150.00"]]), "{customers:#}");

    let refused = test.get("/settlement/attribution?by=custmer").await.refused(400, "bad_parameter");
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("customer")), "{refused:#}");
    let token = test.user("seller", &["sales"], json!({})).await;
    test.by(&token, Method::GET, "/settlement/attribution?by=customer", None).await.refused(403, "forbidden");
}

#[tokio::test]
async fn every_amount_belongs_to_somebody_on_sqlite() {
    every_amount_belongs_to_somebody(On::Sqlite).await;
}

#[tokio::test]
async fn every_amount_belongs_to_somebody_on_postgres() {
    every_amount_belongs_to_somebody(On::Postgres).await;
}
