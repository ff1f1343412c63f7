//! What publishing would do to the tables, as part of a plan of changes: as data and in the words of both languages.

use crate::store::{Offer, Planned, TablePlan, TableStep};
use serde_json::{Value as Json, json};

/// One entry for each change people should know of, then one for each that is refused.
pub fn shown(plan: &TablePlan) -> Vec<Json> {
    let steps = plan.steps.iter().filter(|planned| matters(planned, plan)).map(|planned| {
        let mut shown = json!({
            "action": json!(planned)["action"],
            "object": planned.step.object(),
            "rows": planned.rows,
            "lock": planned.lock,
            "words": {"zh-CN": planned.sentence(true), "en": planned.sentence(false)},
        });
        if let Some(column) = planned.step.column() {
            shown["column"] = json!(column);
        }
        shown
    });
    let refused = plan.refused.iter().map(|refused| {
        json!({
            "action": if is_retyped(refused.offer) { "retype_column" } else { "refused" },
            "object": refused.object,
            "column": refused.field,
            "rows": refused.rows,
            "offer": refused.offer,
            "words": {"zh-CN": refused.sentence(true), "en": refused.sentence(false)},
        })
    });
    steps.chain(refused).collect()
}

/// Indexes of tables that are new hold nobody up, dropping one nobody notices, and nor does a state in which nothing stands.
fn matters(planned: &Planned, plan: &TablePlan) -> bool {
    match &planned.step {
        TableStep::DropIndex { .. } => false,
        TableStep::MoveState { .. } => planned.rows > 0,
        TableStep::AddIndex { object, .. } => {
            planned.rows > 0
                && !plan
                    .steps
                    .iter()
                    .any(|other| matches!(&other.step, TableStep::CreateTable { object: made, .. } if made == object))
        }
        _ => true,
    }
}

fn is_retyped(offer: Offer) -> bool {
    matches!(offer, Offer::NewField | Offer::RoundIntoNewField | Offer::FirstIntoNewField)
}

/// Why the plan cannot be applied: columns of another kind, or rows in the way.
pub fn blocked(plan: &TablePlan) -> Vec<&'static str> {
    let mut blocked = Vec::new();
    blocked.extend(plan.refused.iter().any(|one| is_retyped(one.offer)).then_some("retyped_columns"));
    blocked.extend(plan.refused.iter().any(|one| !is_retyped(one.offer)).then_some("rows_in_the_way"));
    blocked
}
