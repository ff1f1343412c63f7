//! Fields that hold files: filled by uploads, named by records and rows, taken out again, on both databases.

use axum::http::Method;
use packwork_tests::app::{ATTACHMENT_BYTES_MAX, On, Reply, TestApp};
use packwork_tests::pack::pack;
use packwork_tests::s3;
use serde_json::{Value as Json, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a picture";
const PDF: &[u8] = b"%PDF-1.7 a document";
const NOWHERE: &str = "0190b0a0-0000-7000-8000-0000000000ff";

/// Albums with every kind of field for files, and people who may do more or less with them.
async fn albums(on: On) -> TestApp {
    kept(on, None).await
}

async fn kept(on: On, bucket: Option<&s3::Bucket>) -> TestApp {
    let album = json!({"display": "title", "key": "code", "fields": {
        "code": {"type": "text"}, "title": {"type": "text"},
        "scan": {"type": "attachment"},
        "papers": {"type": "attachment", "multiple": true},
        "photos": {"type": "image", "multiple": true, "max_kilobytes": 1},
        "secret": {"type": "attachment", "multiple": true},
        "rows": {"type": "items", "to": "album_row"}
    }});
    let row = json!({"owned_by": "album", "fields": {"n": {"type": "integer"}, "picture": {"type": "image"}}});
    let sealed = json!({"display": "title", "fields": {
        "title": {"type": "text"}, "deed": {"type": "attachment", "required": true}}});
    let all = json!({"create": true, "read": true, "update": true, "delete": true});
    let keeper = json!({"objects": {"album": all, "album_row": all, "sealed": all}});
    let clerk = json!({"objects": {"album": {"create": true, "read": true, "update": true, "hide": ["secret"]}}});
    let reader = json!({"objects": {"album": {"read": true}}});
    let objects = [("album", album), ("album_row", row), ("sealed", sealed)];
    let roles = [("keeper", keeper), ("clerk", clerk), ("reader", reader)];
    TestApp::keeping(on, pack(&objects, &roles), bucket.map(|bucket| bucket.files(ATTACHMENT_BYTES_MAX))).await
}

fn id(json: &Json) -> String {
    json["id"].as_str().expect("it has an id").to_owned()
}

async fn send(test: &TestApp, token: &str, path: &str, bytes: &'static [u8]) -> Reply {
    test.upload(token, path, bytes).await
}

async fn ahead(test: &TestApp, token: &str, object: &str, bytes: &'static [u8]) -> String {
    id(&send(test, token, &format!("/attachments?object={object}&name=a.bin"), bytes).await.ok())
}

async fn names(test: &TestApp, token: &str, album: &str) -> Vec<Json> {
    let listed = test.by(token, Method::GET, &format!("/records/album/{album}/attachments"), None).await.ok();
    listed["data"].as_array().into_iter().flatten().map(|file| file["id"].clone()).collect()
}

#[track_caller]
fn wrong(problem: Json, code: &str, pointer: &str) {
    let error = &problem["errors"][0];
    assert_eq!((error["code"].as_str(), error["pointer"].as_str()), (Some(code), Some(pointer)), "{problem:#}");
}

async fn uploading_into_a_field_is_a_change_of_the_record(test: TestApp) {
    let anna = test.user("anna", &["keeper"], json!({})).await;
    test.by(&anna, Method::POST, "/records/album", Some(json!({"code": "a", "title": "A"}))).await.ok();
    let to = |field: &str| format!("/records/album/a/attachments?name=x.bin&field={field}");
    let album = || test.by(&anna, Method::GET, "/records/album/a", None);
    let one = id(&send(&test, &anna, &to("photos"), PNG).await.ok());
    let two = id(&send(&test, &anna, &to("photos"), PNG).await.ok());
    let now = album().await.ok();
    assert_eq!((&now["photos"], &now["version"]), (&json!([one, two]), &json!(3)));
    // A field of one file holds the last one; what it held is gone.
    let old = id(&send(&test, &anna, &to("scan"), PDF).await.ok());
    let new = id(&send(&test, &anna, &to("scan"), PDF).await.ok());
    assert_eq!(album().await.ok()["scan"], json!([new]));
    test.by(&anna, Method::GET, &format!("/attachments/{old}"), None).await.refused(404, "not_found");
    let history = test.by(&anna, Method::GET, "/records/album/a/history", None).await.ok();
    assert_eq!(history["data"][0]["changes"]["scan"], json!({"old": [old], "new": [new]}));
    assert_eq!(history["data"][0]["actor"]["title"], "anna");
    // Deleting a file takes it out of its field; taking it out deletes it.
    assert_eq!(test.by(&anna, Method::DELETE, &format!("/attachments/{one}"), None).await.status.as_u16(), 204);
    let now = album().await.ok();
    assert_eq!((&now["photos"], &now["version"]), (&json!([two]), &json!(6)));
    let patch = json!({"version": 6, "photos": []});
    let now = test.by(&anna, Method::PATCH, "/records/album/a", Some(patch)).await.ok();
    assert_eq!(now["photos"], Json::Null);
    assert_eq!(names(&test, &anna, "a").await, [json!(new)]);
    // A file of the record as a whole changes nothing of it, and a field may name it later.
    let plain = id(&send(&test, &anna, "/records/album/a/attachments?name=x.bin", PDF).await.ok());
    assert_eq!(album().await.ok()["version"], 7);
    let patch = json!({"version": 7, "papers": [plain]});
    let now = test.by(&anna, Method::PATCH, "/records/album/a", Some(patch)).await.ok();
    assert_eq!(now["papers"], json!([plain]));
    let listed = test.by(&anna, Method::GET, "/records/album/a/attachments", None).await.ok();
    assert_eq!(listed["data"][1]["field"], "papers");
    packwork::service::housekeeping::tidy(&test.app).await.expect("housekeeping works");
    let (_, bytes) = test.bytes(&anna, Method::GET, &format!("/attachments/{plain}"), None).await;
    assert_eq!(bytes, PDF);
}

async fn a_field_names_only_files_it_may_have(test: TestApp) {
    let anna = test.user("anna", &["keeper"], json!({})).await;
    let bob = test.user("bob", &["clerk"], json!({})).await;
    let eve = test.user("eve", &["reader"], json!({})).await;
    for code in ["a", "b"] {
        test.by(&anna, Method::POST, "/records/album", Some(json!({"code": code}))).await.ok();
    }
    let patch = async |field: &str, value: Json| {
        test.by(&bob, Method::PATCH, "/records/album/a", Some(json!({"version": 1, field: value}))).await
    };
    let of_b = id(&send(&test, &anna, "/records/album/b/attachments?name=x&field=papers", PDF).await.ok());
    let of_anna = ahead(&test, &anna, "album", PDF).await;
    let other = ahead(&test, &anna, "sealed", PDF).await;
    let (pdf, png) = (ahead(&test, &bob, "album", PDF).await, ahead(&test, &bob, "album", PNG).await);
    for file in [NOWHERE, &of_b, &of_anna, &other] {
        wrong(patch("papers", json!(file)).await.refused(422, "bad_reference"), "bad_reference", "/papers");
        let listed = patch("papers", json!([pdf, file])).await.refused(422, "bad_reference");
        wrong(listed, "bad_reference", "/papers/1");
    }
    wrong(patch("photos", json!(pdf)).await.refused(415, "bad_file_type"), "bad_file_type", "/photos");
    wrong(patch("scan", json!([pdf, png])).await.refused(422, "out_of_range"), "out_of_range", "/scan");
    let large: &'static [u8] = Box::leak([PNG, &[b'x'; 1_024]].concat().into_boxed_slice());
    let large_png = ahead(&test, &bob, "album", large).await;
    wrong(patch("photos", json!(large_png)).await.refused(422, "out_of_range"), "out_of_range", "/photos");
    let to = |field: &str| format!("/records/album/a/attachments?name=x.png&field={field}");
    send(&test, &bob, &to("photos"), large).await.refused(413, "body_too_large");
    send(&test, &bob, &to("photos"), PDF).await.refused(415, "bad_file_type");
    // What is hidden is no field to them: neither to fill nor to read.
    send(&test, &bob, &to("secret"), PDF).await.refused(400, "bad_parameter");
    wrong(patch("secret", json!(pdf)).await.refused(422, "unknown_field"), "unknown_field", "/secret");
    let secret = id(&send(&test, &anna, &to("secret"), PDF).await.ok());
    test.by(&bob, Method::GET, &format!("/attachments/{secret}"), None).await.refused(404, "not_found");
    let moved = json!({"version": 2, "papers": secret});
    let moved = test.by(&bob, Method::PATCH, "/records/album/a", Some(moved)).await.refused(422, "bad_reference");
    wrong(moved, "bad_reference", "/papers");
    assert_eq!(names(&test, &bob, "a").await, [] as [Json; 0]);
    // Waiting files are their sender's; who may only read sends none.
    test.by(&anna, Method::GET, &format!("/attachments/{pdf}"), None).await.refused(404, "not_found");
    let (_, bytes) = test.bytes(&bob, Method::GET, &format!("/attachments/{pdf}"), None).await;
    assert_eq!(bytes, PDF);
    send(&test, &eve, "/attachments?object=album&name=x", PDF).await.refused(403, "forbidden");
    send(&test, &eve, &to("papers"), PDF).await.refused(403, "forbidden");
    send(&test, &bob, "/attachments?object=sealed&name=x", PDF).await.refused(403, "forbidden");
}

async fn files_come_before_their_record(test: TestApp) {
    let anna = test.user("anna", &["keeper"], json!({})).await;
    let deed = ahead(&test, &anna, "sealed", PDF).await;
    let create =
        async |object: &str, body: Json| test.by(&anna, Method::POST, &format!("/records/{object}"), Some(body)).await;
    create("sealed", json!({"title": "S"})).await.refused(422, "required");
    wrong(create("sealed", json!({"deed": []})).await.refused(422, "required"), "required", "/deed");
    let made = create("sealed", json!({"title": "S", "deed": deed})).await.ok();
    assert_eq!(made["deed"], json!([deed]));
    // A file belongs to one record, and a required one stays.
    let again = create("sealed", json!({"title": "T", "deed": deed})).await.refused(422, "bad_reference");
    wrong(again, "bad_reference", "/deed");
    let gone = test.by(&anna, Method::DELETE, &format!("/attachments/{deed}"), None).await;
    wrong(gone.refused(422, "required"), "required", "/deed");
    let two = ahead(&test, &anna, "sealed", PDF).await;
    let both = json!({"operations": [
        {"op": "create", "data": {"deed": two}}, {"op": "create", "data": {"deed": two}}]});
    let both = create("sealed/bulk", both).await.ok();
    assert_eq!((&both["succeeded"], &both["results"][1]["problem"]["code"]), (&json!(1), &json!("bad_reference")));
    // Rows have files as well; they go with their row.
    let (one, two) = (ahead(&test, &anna, "album_row", PNG).await, ahead(&test, &anna, "album_row", PNG).await);
    let body = json!({"code": "a", "rows": [{"n": 1, "picture": one}, {"n": 2, "picture": two}]});
    let made = create("album", body).await.ok();
    assert_eq!((&made["rows"][0]["picture"], &made["rows"][1]["picture"]), (&json!([one]), &json!([two])));
    let read = async |file: &str| test.by(&anna, Method::GET, &format!("/attachments/{file}"), None).await.status;
    assert_eq!((read(&one).await.as_u16(), read(&two).await.as_u16()), (200, 200));
    let kept = json!({"version": 1, "rows": [{"id": made["rows"][1]["id"], "n": 3, "picture": [two]}]});
    test.by(&anna, Method::PATCH, "/records/album/a", Some(kept)).await.ok();
    assert_eq!((read(&one).await.as_u16(), read(&two).await.as_u16()), (404, 200));
    // The recycle bin keeps the files of what lies in it.
    test.by(&anna, Method::DELETE, "/records/album/a", Some(json!({"version": 2}))).await;
    assert_eq!(read(&two).await.as_u16(), 404);
    packwork::service::housekeeping::tidy(&test.app).await.expect("housekeeping works");
    let bin = test.by(&anna, Method::GET, "/records/album?deleted=true", None).await.ok();
    let path = format!("/records/album/{}/restore", id(&bin["data"][0]));
    test.by(&anna, Method::POST, &path, Some(json!({}))).await.ok();
    assert_eq!(read(&two).await.as_u16(), 200);
    // What nobody claims within a day goes.
    let left = ahead(&test, &anna, "album", PDF).await;
    test.advance(23 * 3_600);
    packwork::service::housekeeping::tidy(&test.app).await.expect("housekeeping works");
    let anna = test.sign_in("anna").await.ok()["token"].as_str().unwrap_or_default().to_owned();
    let read = async |file: &str| test.by(&anna, Method::GET, &format!("/attachments/{file}"), None).await.status;
    assert_eq!(read(&left).await.as_u16(), 200);
    test.advance(2 * 3_600);
    packwork::service::housekeeping::tidy(&test.app).await.expect("housekeeping works");
    assert_eq!(read(&left).await.as_u16(), 404);
    assert_eq!(read(&two).await.as_u16(), 200);
}

async fn an_upload_is_taken_once_for_its_key(test: TestApp) {
    let anna = test.user("anna", &["keeper"], json!({})).await;
    test.by(&anna, Method::POST, "/records/album", Some(json!({"code": "a"}))).await.ok();
    let bearer = format!("Bearer {anna}");
    let ask = async |method: Method, path: &str, key: &str, body: &str| {
        let headers = [("authorization", &*bearer), ("idempotency-key", key), ("accept-language", "en")];
        test.raw(method, &format!("/api/v1{path}"), Some(body.to_owned()), &headers).await
    };
    let paths = [
        "/records/album/a/attachments?name=x&field=papers",
        "/records/album/a/attachments?name=x",
        "/attachments?object=album&name=x",
    ];
    for (at, path) in paths.into_iter().enumerate() {
        let key = format!("key {at}");
        let first = ask(Method::POST, path, &key, "content").await;
        assert_eq!(first.header("idempotent-replay"), "");
        let again = ask(Method::POST, path, &key, "content").await;
        assert_eq!((again.status.as_u16(), again.header("idempotent-replay")), (201, "true"));
        assert_eq!(first.ok(), again.ok());
        ask(Method::POST, path, &key, "other content").await.refused(422, "idempotency_mismatch");
        let elsewhere = path.replace("name=x", "name=y");
        ask(Method::POST, &elsewhere, &key, "content").await.refused(422, "idempotency_mismatch");
    }
    let listed = names(&test, &anna, "a").await;
    assert_eq!(listed.len(), 2, "{listed:?}");
    // Both came at one moment: which is listed first follows from their ids.
    let album = test.by(&anna, Method::GET, "/records/album/a", None).await.ok();
    let (paper, beside): (Vec<&Json>, Vec<&Json>) = listed.iter().partition(|file| album["papers"][0] == **file);
    assert_eq!((&album["version"], paper.len(), beside.len()), (&json!(2), 1, 1), "{album:#}");
    let path = format!("/attachments/{}", paper[0].as_str().unwrap_or_default());
    for replayed in ["", "true"] {
        let reply = ask(Method::DELETE, &path, "gone", "").await;
        assert_eq!((reply.status.as_u16(), reply.header("idempotent-replay")), (204, replayed));
    }
    let other = format!("/attachments/{}", beside[0].as_str().unwrap_or_default());
    ask(Method::DELETE, &other, "gone", "").await.refused(422, "idempotency_mismatch");
    assert_eq!(names(&test, &anna, "a").await, [beside[0].clone()]);
}

async fn two_uploads_at_once_are_both_there(test: TestApp) {
    let anna = test.user("anna", &["keeper"], json!({})).await;
    test.by(&anna, Method::POST, "/records/album", Some(json!({"code": "a"}))).await.ok();
    let path = "/records/album/a/attachments?name=x.png&field=photos";
    let sent = futures_util::future::join_all((0..8).map(|_| send(&test, &anna, path, PNG))).await;
    let mut sent: Vec<String> = sent.into_iter().map(|reply| id(&reply.ok())).collect();
    let album = test.by(&anna, Method::GET, "/records/album/a", None).await.ok();
    let mut named: Vec<String> = serde_json::from_value(album["photos"].clone()).expect("they are ids");
    sent.sort();
    named.sort();
    assert_eq!((named, &album["version"]), (sent, &json!(9)));
    // Of many who name one file only one gets it.
    let deed = ahead(&test, &anna, "sealed", PDF).await;
    let create = || test.by(&anna, Method::POST, "/records/sealed", Some(json!({"deed": deed})));
    let made = futures_util::future::join_all((0..8).map(|_| create())).await;
    assert_eq!(made.iter().filter(|reply| reply.status.is_success()).count(), 1);
    for reply in made.into_iter().filter(|reply| !reply.status.is_success()) {
        wrong(reply.refused(422, "bad_reference"), "bad_reference", "/deed");
    }
}

macro_rules! on_both {
    ($($behaviour:ident: $sqlite:ident, $postgres:ident;)*) => {$(
        #[tokio::test]
        async fn $sqlite() {
            $behaviour(albums(On::Sqlite).await).await;
        }

        #[tokio::test]
        async fn $postgres() {
            $behaviour(albums(On::Postgres).await).await;
        }
    )*};
}

on_both! {
    uploading_into_a_field_is_a_change_of_the_record: uploading_on_sqlite, uploading_on_postgres;
    a_field_names_only_files_it_may_have: naming_on_sqlite, naming_on_postgres;
    files_come_before_their_record: coming_before_on_sqlite, coming_before_on_postgres;
    an_upload_is_taken_once_for_its_key: keys_on_sqlite, keys_on_postgres;
    two_uploads_at_once_are_both_there: at_once_on_sqlite, at_once_on_postgres;
}

#[tokio::test]
async fn files_of_fields_lie_in_a_bucket() {
    let bucket = s3::Bucket::start().await;
    let test = kept(On::Sqlite, Some(&bucket)).await;
    uploading_into_a_field_is_a_change_of_the_record(test).await;
    // The last file of the field and the one of the record as a whole; what was deleted is gone, and so is every mark.
    let names: Vec<String> = bucket.objects().into_keys().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("tenant/main/files/")), "{names:?}");
    files_come_before_their_record(kept(On::Sqlite, Some(&bucket)).await).await;
}
