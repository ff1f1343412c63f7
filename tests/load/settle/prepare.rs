//! The data both programs settle: the packs installed, masters written through commands, then the month's work orders
//! straight into their table.

use super::orders;
use crate::part::{self, TENANT, is_postgres};
use anyhow::{Context, Result, bail};
use packwork::app::{App, Start};
use packwork::clock::Clock;
use packwork::entropy::Entropy;
use packwork::packs::install::{Seeds, Silent};
use packwork::packs::source::Source;
use packwork::service::command::{self, Done};
use packwork_engine::decision::Command;
use packwork_engine::model::Settings;
use serde_json::{Value as Json, json};
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;

pub const PARTNERS: usize = 50;
const SALESPEOPLE: usize = 5;
/// Partners that belong to the payer's own legal entity: what they are paid is not taxed.
const OWN_PARTNERS: usize = 4;
/// The partner a late order is for: its steps count over the month, and what it is paid is taxed.
pub const LATE: usize = 5;

/// Addresses in places of all four tiers.
pub const PLACES: [&str; 16] = [
    "上海市浦东新区世纪大道",
    "上海市静安区南京西路",
    "北京市朝阳区建国路",
    "广东省广州市天河区天河路",
    "广东省深圳市南山区科技园路",
    "四川省成都市武侯区人民南路",
    "浙江省杭州市西湖区文三路",
    "湖北省武汉市江汉区解放大道",
    "江苏省苏州市吴中区东方大道",
    "云南省昆明市五华区东风西路",
    "福建省厦门市思明区湖滨南路",
    "江西省南昌市东湖区八一大道",
    "河北省邯郸市丛台区人民路",
    "江苏省盐城市亭湖区解放南路",
    "甘肃省天水市秦州区民主路",
    "湖南省衡阳市雁峰区解放大道",
];
const CUSTOMERS_PER_PLACE: usize = 10;

/// Opens the product over a folder or a database.
pub async fn open(at: &str) -> Result<Arc<App>> {
    let app = App::start(Start {
        database: part::store(at),
        tenant: TENANT.into(),
        files: packwork::files::Files::new(std::env::temp_dir().join("packwork-load-files"), 1_024 * 1_024),
        settings: Settings { zone: "Asia/Shanghai".into(), currency: "CNY".into() },
        packs: Source::Embedded,
        trust: packwork::packs::signing::Trust::default(),
        seeds: Seeds::Product,
        clock: Clock::system(),
        entropy: Entropy::system(),
        local_token: None,
        progress: &Silent,
    });
    app.await.context("opening the product")
}

pub async fn run(at: &str, orders: u32, partners: usize) -> Result<Json> {
    if !is_postgres(at) {
        std::fs::create_dir_all(at).context("making the data folder")?;
    }
    let app = open(at).await?;
    let patterns = masters(&app, partners).await?;
    app.store.close().await;
    drop(app);
    orders::insert(at, &patterns, orders).await
}

/// The numbers of the partners: one alone is the one of the late order.
fn numbers(partners: usize) -> Range<usize> {
    if partners == 1 { LATE..LATE + 1 } else { 0..partners.max(LATE + 1) }
}

/// Writes who takes part, and one draft work order per customer. Their ids: the patterns the month is made of.
async fn masters(app: &Arc<App>, partners: usize) -> Result<Vec<Uuid>> {
    create(app, "legal_entity", json!({"code": "le_own", "name": "总公司"})).await?;
    create(
        app,
        "department",
        json!({"code": "ops", "name": "服务运营部", "kind": "company", "legal_entity": "le_own"}),
    )
    .await?;
    for number in 0..SALESPEOPLE {
        create(app, "user", json!({"login": format!("sales{number}"), "name": "销售", "roles": ["sales"]})).await?;
    }
    let numbers = numbers(partners);
    for number in numbers.clone() {
        let entity = match number < OWN_PARTNERS {
            true => "le_own".to_owned(),
            false => {
                let code = format!("le_{number:02}");
                create(app, "legal_entity", json!({"code": code, "name": format!("合作方{number:02}有限公司")}))
                    .await?;
                code
            }
        };
        let mode = ["direct", "distribution", "joint"][number % 3];
        let place = PLACES[number % PLACES.len()];
        let name = format!("合作方{number:02}");
        let partner = json!({"code": format!("p{number:02}"), "name": name, "mode": mode, "legal_entity": entity, "address": format!("{place}{number}号")});
        create(app, "partner", partner).await?;
    }
    let mut patterns = Vec::new();
    for number in 0..PLACES.len() * CUSTOMERS_PER_PLACE {
        let code = format!("c{number:03}");
        let customer = json!({
            "code": code, "name": format!("客户{number:03}有限公司"), "contact": "徐静", "phone": format!("021-6279{number:04}"),
            "address": format!("{}{}号", PLACES[number % PLACES.len()], 100 + number),
        });
        create(app, "customer", customer).await?;
        let order = json!({
            "template": "inspection", "customer": code, "service": "inspection", "quantity": "1", "subject": "季度检测",
            "partner": format!("p{:02}", numbers.start + number % numbers.len()), "department": "ops", "owner": format!("sales{}", number % SALESPEOPLE),
        });
        patterns.push(create(app, "work_order", order).await?);
    }
    Ok(patterns)
}

pub async fn create(app: &Arc<App>, object: &str, input: Json) -> Result<Uuid> {
    let fields = input.as_object().cloned().unwrap_or_default();
    execute(app, Command::Create { object: object.into(), input: fields }).await
}

/// Carries a command out as the system; the record it was about.
pub async fn execute(app: &Arc<App>, command: Command) -> Result<Uuid> {
    let (model, told) = (app.model(), format!("{command:?}"));
    match command::run_at(app, &model, &app.system(), command, app.clock.now(), None).await {
        Ok(Done::Now { decision, .. }) => decision.subject.map(|(_, id)| id).context("a command without a record"),
        Ok(Done::Before { .. }) => bail!("{told} was a repeat"),
        Err(packwork::service::Error::Refused(refusal)) => {
            bail!("{told} was refused: {} {:?}", refusal.detail, refusal.errors)
        }
        Err(failure) => Err(failure).context(told),
    }
}
