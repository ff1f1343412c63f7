//! Schedules tried out over HTTP: tiers, amounts with their parts, what is refused; and until when a period counts.

use axum::http::Method;
use packwork_engine::moment::Moment;
use packwork_tests::app::{Industry, On, TestApp};
use serde_json::{Value as Json, json};

const CHANNEL: Industry = &[("channel", "1.0.0")];

async fn channel() -> TestApp {
    TestApp::with(On::Sqlite, Moment::parse("2026-03-02T01:00:00Z").expect("the constant is a moment"), CHANNEL).await
}

/// What `joint_steps` (95 up to 10, 90 up to 50, then 85) makes of an input.
async fn tried(test: &TestApp, input: Json) -> Json {
    test.post("/settlement/schedules/joint_steps/apply", input).await.ok()
}

fn amounts(tried: &Json) -> Vec<&str> {
    let applied = tried["applied"].as_array().into_iter().flatten();
    applied.map(|applied| applied["amount"].as_str().unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_schedule_is_tried_without_posting_anything() {
    let test = channel().await;
    let listed = test.get("/settlement/schedules").await.ok();
    let steps = listed["data"].as_array().and_then(|all| all.iter().find(|one| one["name"] == "joint_steps"));
    assert_eq!(steps, Some(&json!({"name": "joint_steps", "title": "Joint operation steps", "mode": "graduated"})));
    let shown = test.get("/settlement/schedules/joint_steps").await.ok();
    let deductions = shown["tiers"].as_array().into_iter().flatten().map(|tier| &tier["quick_deduction"]);
    // 15 * 90 + 50 = 10 * 95 + 5 * 90, and 60 * 85 + 300 = 10 * 95 + 40 * 90 + 10 * 85.
    assert_eq!(deductions.collect::<Vec<_>>(), ["0", "-50", "-300"]);
    assert_eq!(
        shown["tiers"][2],
        json!({"up_to": null, "rate": "85", "flat": "0", "deduct": "0", "quick_deduction": "-300"})
    );

    let each = tried(&test, json!({"quantities": ["15", "60", "-15", "0"]})).await;
    assert_eq!(amounts(&each), ["1400", "5400", "-1400", "0"]);
    assert_eq!(each["amount"], "5400");
    assert_eq!(each["applied"][0]["before"], Json::Null);
    let parts = json!([
        {"tier": 0, "quantity": "10", "rate": "95", "flat": "0", "amount": "950"},
        {"tier": 1, "quantity": "5", "rate": "90", "flat": "0", "amount": "450"},
    ]);
    assert_eq!(each["applied"][0]["parts"], parts);
    let together = tried(&test, json!({"quantities": ["8", "7"], "cumulate": true})).await;
    assert_eq!((amounts(&together), &together["applied"][1]["before"]), (vec!["760", "640"], &json!("8")));
    // Half of the seven was in use, in the tiers of all seven.
    let used = tried(&test, json!({"quantities": ["8", "7"], "used": ["8", "3.5"], "cumulate": true})).await;
    assert_eq!(amounts(&used), ["760", "320"]);
    assert_eq!(test.get("/settlement/lines").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn what_a_schedule_cannot_take_is_refused_with_its_place() {
    let test = channel().await;
    let path = "/settlement/schedules/joint_steps/apply";
    for (input, pointer, code) in [
        (json!({}), "/quantities", "required"),
        (json!({"quantities": []}), "/quantities", "required"),
        (json!({"quantities": "5"}), "/quantities", "wrong_type"),
        (json!({"quantities": vec!["1"; 1_001]}), "/quantities", "wrong_type"),
        (json!({"quantities": ["5", 5]}), "/quantities/1", "wrong_type"),
        (json!({"quantities": ["five"]}), "/quantities/0", "wrong_type"),
        (json!({"quantities": ["5"], "used": ["1", "2"]}), "/used", "wrong_type"),
        (json!({"quantities": ["5"], "cumulate": "yes"}), "/cumulate", "wrong_type"),
        (json!({"quantities": ["5"], "quantity": "5"}), "/quantity", "unknown_field"),
        (json!({"quantities": ["1", "79228162514264337593543950335"]}), "/quantities/1", "amount_overflow"),
    ] {
        let problem = test.post(path, input.clone()).await.refused(422, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{input}: {problem:#}");
    }
    for path in ["/settlement/schedules/joint_step", "/settlement/accumulators/dealer/periods/2026-03"] {
        test.get(path).await.refused(404, "unknown_definition");
    }
    let nobody = test.user("nobody", &[], json!({})).await;
    for path in ["/settlement/schedules", "/settlement/schedules/joint_steps"] {
        test.by(&nobody, Method::GET, path, None).await.refused(403, "forbidden");
    }
    let asked = Some(json!({"quantities": ["5"]}));
    test.by(&nobody, Method::POST, path, asked).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_period_says_until_when_it_counts() {
    let test = channel().await;
    let period = test.get("/settlement/accumulators/dealer_month_net/periods/2026-02").await.ok();
    assert_eq!((&period["from"], &period["to"]), (&json!("2026-02-01"), &json!("2026-02-28")), "{period:#}");
    assert_eq!(period["counts_until"], Json::Null, "{period:#}");
    assert_eq!(period["calculated_on"], "2026-03-01", "{period:#}");
    let unknown = "/settlement/accumulators/dealer_month_net/periods/2026-13";
    test.get(unknown).await.refused(422, "unknown_period");
}
