//! The samples of import files that packs bring along, on both databases: every file goes in whole, in the order of
//! its number, in every encoding people send; a second time it changes nothing.

use super::exports::book;
use super::imports::{rows, step, upload};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use packwork_tests::cases::folder;
use serde_json::{Value as Json, json};

/// How a sample is sent.
#[derive(Clone, Copy)]
enum Form {
    /// CSV as it stands in the pack: UTF-8 with a byte order mark.
    Utf8,
    /// CSV as spreadsheets in China save it.
    Gb18030,
    Xlsx,
}

#[tokio::test]
async fn samples_become_records_on_sqlite() {
    samples_become_records(TestApp::new(On::Sqlite).await, Form::Utf8).await;
}

#[tokio::test]
async fn samples_become_records_on_postgres() {
    samples_become_records(TestApp::new(On::Postgres).await, Form::Utf8).await;
}

#[tokio::test]
async fn samples_in_gb18030_become_the_same_records_on_sqlite() {
    samples_become_records(TestApp::new(On::Sqlite).await, Form::Gb18030).await;
}

#[tokio::test]
async fn samples_in_gb18030_become_the_same_records_on_postgres() {
    samples_become_records(TestApp::new(On::Postgres).await, Form::Gb18030).await;
}

#[tokio::test]
async fn samples_as_spreadsheets_become_the_same_records_on_sqlite() {
    samples_become_records(TestApp::new(On::Sqlite).await, Form::Xlsx).await;
}

#[tokio::test]
async fn samples_as_spreadsheets_become_the_same_records_on_postgres() {
    samples_become_records(TestApp::new(On::Postgres).await, Form::Xlsx).await;
}

/// `04-department.csv`, `06-department-leader.csv`: both are about departments.
struct Sample {
    file: String,
    object: String,
    text: String,
}

impl Sample {
    /// All samples of the pack `base`, in their order.
    fn all() -> Vec<Sample> {
        let folder = folder().join("base/samples");
        let entries = std::fs::read_dir(&folder).expect("the pack has samples");
        let paths = entries.map(|entry| entry.expect("the folder can be read").path());
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "csv")).collect();
        paths.sort();
        let sample = |path: &std::path::PathBuf| {
            let file = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            let object = file.split('-').nth(1).expect("the name says the object").to_owned();
            let text = std::fs::read_to_string(path).expect("a sample is UTF-8");
            assert!(text.starts_with('\u{feff}'), "`{file}` has no byte order mark: Excel would not read it");
            Sample { file, object, text }
        };
        paths.iter().map(sample).collect()
    }

    /// The cells, which have no separators inside, so that splitting is reading.
    fn cells(&self) -> Vec<Vec<&str>> {
        assert!(!self.text.contains('"'), "`{}` has quoted cells", self.file);
        self.text.trim_start_matches('\u{feff}').lines().map(|line| line.split(',').collect()).collect()
    }

    fn bytes(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Utf8 => self.text.clone().into_bytes(),
            Form::Gb18030 => {
                let text = self.text.trim_start_matches('\u{feff}');
                let (bytes, _, unmappable) = encoding_rs::GB18030.encode(text);
                assert!(!unmappable);
                bytes.into_owned()
            }
            Form::Xlsx => {
                let cells = self.cells();
                book(&cells.iter().map(Vec::as_slice).collect::<Vec<_>>())
            }
        }
    }
}

async fn samples_become_records(test: TestApp, form: Form) {
    let samples = Sample::all();
    assert!(samples.len() >= 14, "{}", samples.len());
    let reader = test.user("reader", &["admin"], json!({"locale": "zh-CN"})).await;
    for sample in &samples {
        let count = sample.cells().len() - 1;
        titles_are_those_of_the_template(&test, &reader, sample).await;
        let before = records(&test, &sample.object).await;
        let import = planned(&test, sample, form).await;
        let counts = &import["counts"];
        let number = |name: &str| counts[name].as_u64().unwrap_or(u64::MAX) as usize;
        assert_eq!(number("create") + number("update"), count, "{}: {counts}", sample.file);
        let import = step(&test, &import, "apply", json!({})).await;
        assert_eq!(
            (&import["status"], &import["counts"]["applied"]),
            (&json!("applied"), &json!(count)),
            "{}: {import:#}",
            sample.file
        );
        assert_eq!(records(&test, &sample.object).await, before + number("create"), "{}", sample.file);
    }
    for sample in &samples {
        let again = planned(&test, sample, form).await;
        assert_eq!(again["counts"]["skip"], sample.cells().len() - 1, "{}: {:#}", sample.file, again["counts"]);
    }
    records_are_what_the_files_say(&test).await;
}

/// Uploaded and planned as a person would: the proposed mapping, new or changed by key. Nothing is refused.
async fn planned(test: &TestApp, sample: &Sample, form: Form) -> Json {
    let key = test.get(&format!("/objects/{}", sample.object)).await.ok()["key"].clone();
    let import = upload(test, &sample.object, sample.bytes(form)).await;
    for column in &sample.cells()[0] {
        assert!(import["mapping"][*column]["field"].is_string(), "{}: nobody knows `{column}`", sample.file);
    }
    let import = step(test, &import, "plan", json!({"mode": "upsert", "by": key})).await;
    let refused = (&import["counts"]["error"], &import["counts"]["duplicate"]);
    let told = rows(test, &import, "error").await;
    assert_eq!((&import["status"], refused), (&json!("planned"), (&json!(0), &json!(0))), "{}: {told:#?}", sample.file);
    import
}

/// Whoever fills the template and whoever looks at the sample see the same titles, in Chinese.
async fn titles_are_those_of_the_template(test: &TestApp, reader: &str, sample: &Sample) {
    let path = format!("/imports/template?object={}&format=csv", sample.object);
    let (_, template) = test.bytes(reader, Method::GET, &path, None).await;
    let template = String::from_utf8(template).expect("the template is text");
    let titles: Vec<&str> = template.trim_start_matches('\u{feff}').trim_end().split(',').collect();
    for column in &sample.cells()[0] {
        assert!(titles.contains(column), "{}: the template has no column `{column}`, but {titles:?}", sample.file);
    }
}

async fn records(test: &TestApp, object: &str) -> usize {
    let count = test.get(&format!("/records/{object}?count=exact&limit=1")).await.ok()["count"].as_u64();
    count.expect("the list was counted") as usize
}

async fn records_are_what_the_files_say(test: &TestApp) {
    let record = async |path: &str| test.get(&format!("/records/{path}")).await.ok();
    let titles = |record: &Json, fields: &[&str]| -> Vec<Json> {
        fields.iter().map(|field| record["_refs"][*field]["title"].clone()).collect()
    };
    let department = record("department/HJ-111").await;
    assert_eq!(titles(&department, &["parent", "leader"]), ["胶东大区", "姜涛"]);
    let user = record("user/jiang.tao").await;
    assert_eq!(titles(&user, &["department", "position", "manager"]), ["烟台办事处", "销售代表", "于洋"]);
    assert_eq!((&user["roles"], &user["joined_on"]), (&json!(["sales"]), &json!("2019-07-01")));
    let partner = record("partner/SD-B1").await;
    assert_eq!(titles(&partner, &["level", "upline", "region"]), ["注册伙伴", "临沂蒙山电器有限公司", "沂水县"]);
    assert_eq!(
        (&partner["kind"], &partner["status"], &partner["area"]),
        (&json!("dealer"), &json!("prospective"), &json!("east"))
    );
    let agent = record("partner/SD-A1").await;
    assert_eq!(agent["territory"].as_array().map(Vec::len), Some(3));
    let customer = record("customer/HJC003").await;
    assert_eq!(
        titles(&customer, &["parent", "level", "salesperson", "partner", "region"]),
        ["青岛滨海酒店管理有限公司", "普通客户", "姜涛", "烟台芝罘制冷设备有限公司", "莱山区"]
    );
    let contact = record("contact/K001").await;
    assert_eq!(titles(&contact, &["customer"]), ["青岛滨海酒店管理有限公司"]);
    assert_eq!(
        (&contact["primary"], &contact["role"], &contact["gender"]),
        (&json!(true), &json!("decision_maker"), &json!("female"))
    );
    let product = record("product/HJ-RP6").await;
    assert_eq!(titles(&product, &["category", "unit"]), ["空气源热泵", "台"]);
    assert_eq!((&product["price"]["amount"], &product["serial_numbers"]), (&json!("16800.00"), &json!(true)));
    let list = record("price_list/HJ-GOLD").await;
    assert_eq!((&list["kind"], titles(&list, &["partner_level"])), (&json!("partner_level"), vec![json!("金牌伙伴")]));
    let price = record("price_list_item/HJ-USD-HJ-RP6").await;
    assert_eq!(price["price"], json!({"amount": "2350.00", "currency": "USD"}));
    let agreement = record("partner_agreement/HJXY-2026-001").await;
    assert_eq!((&agreement["exclusive"], &agreement["valid_to"]), (&json!(true), &json!("2027-01-01")));
}
