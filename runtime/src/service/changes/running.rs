//! What is under way and would lose its ground, told to people: records in a state that goes, settlement runs of a plan that
//! goes, imports into an object that goes, price rows by a schedule that goes.

use super::apply::{Accept, blocked};
use crate::store::{Ground, UnderWay};
use packwork_engine::refusal::Refusal;
use serde_json::{Value as Json, json};

/// Everything that stands in the way, in the form of uses that break.
pub(super) fn told(under_way: &[UnderWay]) -> Vec<Json> {
    under_way.iter().map(entry).collect()
}

/// The refusal of a publication that something stands in the way of.
pub(crate) fn refusal(under_way: &[UnderWay]) -> Option<Refusal> {
    blocked(&json!({"broken": told(under_way)}), Accept::default())
}

fn entry(UnderWay { ground, rows }: &UnderWay) -> Json {
    let (what, kind, name, path, english, chinese) = match ground {
        Ground::State { object, lifecycle, state } => (
            format!("lifecycle/{lifecycle}/states/{state}"),
            "record",
            object,
            "/state",
            format!(
                "{rows} record(s) of `{object}` are in the state `{state}`; move them on first, or let a state say `was`"
            ),
            format!("“{object}”有 {rows} 条记录处于状态“{state}”，请先将其流转到其他状态，或由新状态用 `was` 接收"),
        ),
        Ground::Plan(plan) => (
            format!("settlement_plan/{plan}"),
            "settlement_run",
            plan,
            "",
            format!("{rows} run(s) of the plan `{plan}` are under way; let them end or cancel them"),
            format!("方案“{plan}”有 {rows} 个结算运行正在进行，请等待结束或取消"),
        ),
        Ground::Object(object) => (
            format!("object/{object}"),
            "import",
            object,
            "",
            format!("{rows} import(s) into `{object}` are under way; let them end or cancel them"),
            format!("“{object}”有 {rows} 个导入正在进行，请等待结束或取消"),
        ),
        Ground::Schedule { table, schedule } => (
            format!("schedule/{schedule}"),
            "rate_row",
            table,
            "",
            format!(
                "{rows} row(s) of the rate table `{table}` price by the schedule `{schedule}`; give them another price first"
            ),
            format!("价格表“{table}”有 {rows} 行使用阶梯“{schedule}”，请先为其设置其他价格"),
        ),
    };
    json!({"what": what, "retyped": false, "by_kind": kind, "by_name": &**name, "file": "", "path": path, "rows": rows,
        "words": {"en": english, "zh-CN": chinese}})
}
