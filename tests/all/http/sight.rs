//! What a role may not see it does not learn by asking around it: filters, orders, relations, sums, titles and exports
//! tell nothing of hidden fields and of rows outside its own, on both databases.

use axum::http::Method;
use packwork_tests::app::{On, Reply, TestApp};
use packwork_tests::pack::pack;
use serde_json::{Value as Json, json};

/// Deals at places; the clerk sees open places only, and neither the secret of a place nor the margin of a deal.
struct Market {
    test: TestApp,
    clerk: String,
}

async fn market(on: On) -> Market {
    let place = json!({"display": "name", "key": "code", "fields": {
        "code": {"type": "text"}, "name": {"type": "text"}, "open": {"type": "boolean"},
        "level": {"type": "integer"}, "secret": {"type": "text"}}});
    let deal = json!({"display": "title", "key": "code", "list": {"sort": ["-margin", "title"], "columns": ["title", "margin"]},
        "fields": {
            "code": {"type": "text"}, "title": {"type": "text"}, "amount": {"type": "decimal"},
            "margin": {"type": "decimal"}, "place": {"type": "reference", "to": "place"},
            "source": {"type": "reference", "to": "place"}, "rows": {"type": "items", "to": "deal_row"}}});
    let row = json!({"owned_by": "deal", "fields": {"n": {"type": "integer"}, "cost": {"type": "integer"}}});
    let letter = json!({"display": "subject", "fields": {
        "subject": {"type": "text"}, "body": {"type": "text"}, "answers": {"type": "reference", "to": "letter"}}});
    let clerk = json!({"objects": {
        "place": {"read": true, "hide": ["secret"], "rows": {"filter": {"open": true}}},
        "deal": {"read": true, "export": true, "hide": ["margin", "source"]},
        "deal_row": {"read": true, "hide": ["cost"]},
        "letter": {"read": true, "update": true, "hide": ["subject"]}}});
    let objects = [("place", place), ("deal", deal), ("deal_row", row), ("letter", letter)];
    let test = TestApp::of(on, pack(&objects, &[("clerk", clerk)])).await;
    for (code, open, level, secret) in
        [("o1", true, 1, "gold"), ("o2", true, 2, "tin"), ("p1", false, 3, "gold"), ("p2", false, 4, "tin")]
    {
        let body =
            json!({"code": code, "name": format!("Place {code}"), "open": open, "level": level, "secret": secret});
        test.post("/records/place", body).await.ok();
    }
    for (code, place, margin) in [("a", "o1", "4"), ("b", "o2", "3"), ("c", "p1", "2"), ("d", "p2", "1")] {
        let body = json!({"code": code, "title": code.to_uppercase(), "amount": "10", "margin": margin, "place": place,
            "source": place, "rows": [{"n": 1, "cost": margin}]});
        test.post("/records/deal", body).await.ok();
    }
    let clerk = test.user("clara", &["clerk"], json!({})).await;
    Market { test, clerk }
}

impl Market {
    async fn query(&self, body: Json) -> Reply {
        self.test.by(&self.clerk, Method::POST, "/records/deal/query", Some(body)).await
    }

    /// Codes of the deals a list gives.
    async fn codes(&self, body: Json) -> String {
        let found = self.query(body).await.ok();
        found["data"].as_array().into_iter().flatten().filter_map(|deal| deal["code"].as_str()).collect()
    }

    async fn sums(&self, body: Json) -> Reply {
        self.test.by(&self.clerk, Method::POST, "/records/deal/aggregate", Some(body)).await
    }
}

async fn hidden_fields_are_no_words_of_a_question(on: On) {
    let market = market(on).await;
    let filters = [
        json!({"margin": {"gt": "2"}}),
        json!({"not": {"margin": "2"}}),
        json!({"or": [{"amount": "10"}, {"margin": {"is_null": true}}]}),
        json!({"place.secret": "gold"}),
        json!({"source.level": "1"}),
        json!({"rows": {"any": {"cost": "1"}}}),
        json!({"rows": {"none": {"cost": "1"}}}),
    ];
    for filter in filters {
        let refused = market.query(json!({"filter": filter})).await.refused(422, "unknown_field");
        let said = refused["params"].to_string();
        assert!(!said.contains("suggestion"), "{filter} {said}");
        let count = json!({"n": {"count": true}});
        market.sums(json!({"filter": filter, "measures": count})).await.refused(422, "unknown_field");
    }
    for sort in ["margin", "-place.secret", "source.level"] {
        market.query(json!({"sort": [sort]})).await.refused(422, "unknown_field");
    }
    for (groups, measure) in [
        (json!(["margin"]), json!({"count": true})),
        (json!(["place.secret"]), json!({"count": true})),
        (json!(["source"]), json!({"count": true})),
        (json!([]), json!({"sum": "margin"})),
        (json!([]), json!({"max": "margin"})),
        (json!([]), json!({"count_distinct": "margin"})),
    ] {
        let asked = json!({"group_by": groups, "measures": {"m": measure}});
        market.sums(asked).await.refused(422, "unknown_field");
    }
    // A name nearly right is not put right with a hidden one.
    for refused in [
        market.query(json!({"filter": {"margins": "2"}})).await,
        market.query(json!({"sort": ["margins"]})).await,
        market.query(json!({"fields": ["margins"]})).await,
        market.sums(json!({"measures": {"m": {"sum": "margins"}}})).await,
    ] {
        let refused = refused.refused(422, "unknown_field");
        assert!(!refused["params"].to_string().contains("\"margin\""), "{refused:#}");
    }
    // What is asked for by name is left out, and so is what stands beside it.
    let asked = json!({"fields": ["code", "margin", "source", "place.secret", "place.level", "source.level"],
        "expand": {"place": {"fields": ["secret", "name"]}, "source": {}, "rows": {}}, "sort": ["code"]});
    let found = market.query(asked).await.ok();
    let first = &found["data"][0];
    let text = found.to_string();
    assert!(!text.contains("gold") && !text.contains("\"margin\"") && !text.contains("\"source"), "{first:#}");
    assert_eq!((&first["place.level"], &first["_expanded"]["rows"]["data"][0]["n"]), (&json!("1"), &json!("1")));
    assert!(first["_expanded"]["rows"]["data"][0].get("cost").is_none(), "{first:#}");
    let one = market.test.by(&market.clerk, Method::GET, "/records/deal/a?expand=place,source", None).await.ok();
    assert!(!one.to_string().contains("gold") && one.get("margin").is_none(), "{one:#}");
    // The definition's own order and columns do not tell either.
    let view = market.test.by(&market.clerk, Method::GET, "/objects/deal", None).await.ok();
    assert_eq!((&view["list"]["sort"], &view["list"]["columns"]), (&json!(["title"]), &json!(["title"])));
    assert_eq!(market.codes(json!({})).await, "abcd");
    let history = market.test.by(&market.clerk, Method::GET, "/records/deal/a/history", None).await.ok();
    assert!(!history.to_string().contains("margin") && !history.to_string().contains("cost"), "{history:#}");
}

async fn rows_out_of_sight_answer_no_question(on: On) {
    let market = market(on).await;
    // Whatever is asked of what c and d refer to, both answer alike: as if it were empty.
    for filter in [
        json!({"place.level": {"gte": "0"}}),
        json!({"place.level": "3"}),
        json!({"place.level": {"ne": "3"}}),
        json!({"not": {"place.level": "3"}}),
        json!({"place.level": {"in": ["3", "1"]}}),
        json!({"place.level": {"not_in": ["3"]}}),
        json!({"place.level": {"is_null": true}}),
        json!({"place.level": {"is_null": false}}),
        json!({"place.open": false}),
    ] {
        let found = market.codes(json!({"filter": filter, "sort": ["code"]})).await;
        assert_eq!(found.contains('c'), found.contains('d'), "{filter}: {found}");
    }
    assert_eq!(market.codes(json!({"filter": {"place.level": {"gte": "1"}}, "sort": ["code"]})).await, "ab");
    // Nor does an order tell which of them is greater.
    for (sort, expect) in [("place.level", "cdab"), ("-place.level", "bacd")] {
        assert_eq!(market.codes(json!({"sort": [sort, "code"]})).await, expect, "{sort}");
    }
    let by_level = json!({"group_by": ["place.level"], "measures": {"n": {"count": true}}, "sort": ["n"]});
    let sums = market.sums(by_level).await.ok();
    let groups: Vec<(&Json, &Json)> =
        sums["data"].as_array().into_iter().flatten().map(|row| (&row["place.level"], &row["n"])).collect();
    assert_eq!(groups.len(), 3, "{sums:#}");
    assert!(groups.contains(&(&Json::Null, &json!(2))), "{sums:#}");
    let found = market.query(json!({"filter": {"code": "c"}, "fields": ["place.level"], "expand": ["place"]})).await;
    let deal = found.ok()["data"][0].clone();
    assert!(deal.get("place.level").is_none_or(Json::is_null), "{deal:#}");
    assert!(deal["_expanded"].get("place").is_none(), "{deal:#}");
    market.test.by(&market.clerk, Method::GET, "/records/place/p1", None).await.refused(404, "not_found");
    let count = json!({"measures": {"n": {"count": true}, "top": {"max": "level"}}});
    let places = market.test.by(&market.clerk, Method::POST, "/records/place/aggregate", Some(count)).await.ok();
    assert_eq!((&places["data"][0]["n"], &places["data"][0]["top"]), (&json!(2), &json!("2")));
}

async fn a_hidden_title_is_told_nowhere(on: On) {
    let Market { test, clerk } = market(on).await;
    let first = test.post("/records/letter", json!({"subject": "Layoffs", "body": "x"})).await.ok();
    let second = json!({"subject": "Re: Layoffs", "body": "y", "answers": first["id"]});
    let second = test.post("/records/letter", second).await.ok();
    let path = format!("/records/letter/{}", second["id"].as_str().unwrap_or_default());
    for path in [&*path, "/records/letter", &format!("{path}?expand=answers"), "/records/letter?search=Layoffs"] {
        let shown = test.by(&clerk, Method::GET, path, None).await.ok().to_string();
        assert!(!shown.contains("Layoffs"), "{path} {shown}");
    }
    let patched = test.by(&clerk, Method::PATCH, &path, Some(json!({"version": 1, "body": "z"}))).await.ok();
    assert!(!patched.to_string().contains("Layoffs"), "{patched:#}");
    let sums = json!({"group_by": ["answers"], "measures": {"n": {"count": true}}});
    let sums = test.by(&clerk, Method::POST, "/records/letter/aggregate", Some(sums)).await.ok();
    assert!(!sums.to_string().contains("Layoffs"), "{sums:#}");
    // Whoever sees all reads it as before.
    assert_eq!(test.get(&path).await.ok()["_refs"]["answers"]["title"], "Layoffs");
}

async fn exports_give_what_lists_give(on: On) {
    let Market { test, clerk } = market(on).await;
    let rights = async |object: &str| {
        let view = test.by(&clerk, Method::GET, &format!("/objects/{object}"), None).await.ok();
        (view["rights"]["export"].clone(), view["rights"]["import"].clone())
    };
    assert_eq!(rights("deal").await, (json!(true), json!(false)));
    assert_eq!(rights("place").await, (json!(false), json!(false)));
    assert_eq!(rights("letter").await, (json!(false), json!(true)));
    let ask = async |body: Json| test.by(&clerk, Method::POST, "/exports", Some(body)).await;
    ask(json!({"object": "place", "format": "csv"})).await.refused(403, "forbidden");
    ask(json!({"object": "deal", "format": "csv", "filter": {"margin": "1"}})).await.refused(422, "unknown_field");
    ask(json!({"object": "deal", "format": "csv", "sort": ["margin"]})).await.refused(422, "unknown_field");
    let asked = json!({"object": "deal", "format": "ndjson"});
    let (_, bytes) = test.bytes(&clerk, Method::POST, "/exports", Some(asked)).await;
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(!text.contains("margin") && !text.contains("source"), "{text}");
}

macro_rules! on_both {
    ($($behaviour:ident: $sqlite:ident, $postgres:ident;)*) => {$(
        #[tokio::test]
        async fn $sqlite() {
            $behaviour(On::Sqlite).await;
        }

        #[tokio::test]
        async fn $postgres() {
            $behaviour(On::Postgres).await;
        }
    )*};
}

on_both! {
    hidden_fields_are_no_words_of_a_question: hidden_fields_on_sqlite, hidden_fields_on_postgres;
    rows_out_of_sight_answer_no_question: rows_out_of_sight_on_sqlite, rows_out_of_sight_on_postgres;
    a_hidden_title_is_told_nowhere: hidden_titles_on_sqlite, hidden_titles_on_postgres;
    exports_give_what_lists_give: exports_on_sqlite, exports_on_postgres;
}
