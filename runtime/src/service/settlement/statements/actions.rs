//! What may be done with a statement and its disputes, as a list for people: each with its reason where it is not allowed.

use crate::service::session::Caller;
use crate::service::texts;
use packwork_engine::access::SettlementAction;
use packwork_engine::settlement::line::StatementStatus;
use packwork_engine::settlement::plan::{Negative, StatementForm};
use packwork_engine::settlement::statement::{Dispute, Statement};
use serde_json::{Value as Json, json};

/// The steps of a statement in their order.
pub(super) fn of(caller: &Caller, row: &Statement, form: Option<&StatementForm>) -> Vec<Json> {
    if !row.is_plain() {
        return Vec::new();
    }
    let locale = caller.locale;
    let step = |name, title, right, input: &[&str]| {
        let destructive = matches!(name, "reverse" | "write_off");
        let primary = matches!(name, "issue" | "confirm" | "pay");
        action(
            caller,
            right,
            json!({"name": name, "kind": "transition", "title": title, "primary": primary,
            "destructive": destructive, "input": input}),
        )
    };
    let mut steps = Vec::new();
    match row.status {
        StatementStatus::Draft => steps.push(step("issue", texts::issue(locale), SettlementAction::Issue, &[])),
        StatementStatus::Issued => {
            steps.push(step("confirm", texts::confirm(locale), SettlementAction::Confirm, &[]));
            if row.carried.is_none() {
                let input = &["lines", "reason"];
                steps.push(step("dispute", texts::dispute(locale), SettlementAction::Confirm, input));
            }
        }
        StatementStatus::Confirmed => steps.push(step("pay", texts::pay(locale), SettlementAction::Issue, &[])),
        StatementStatus::Paid | StatementStatus::Reversed => {}
    }
    let is_out = matches!(row.status, StatementStatus::Issued | StatementStatus::Confirmed);
    if is_out && row.carried.is_none() {
        steps.push(step("reverse", texts::reverse(locale), SettlementAction::Issue, &["reason", "period"]));
    }
    let may_end = form.is_some_and(|form| form.negative == Negative::WriteOff);
    if may_end && row.status != StatementStatus::Draft && row.carried.is_none() && !row.debt(form).is_zero() {
        steps.push(step("write_off", texts::write_off(locale), SettlementAction::Close, &["reason"]));
    }
    steps
}

/// How an open dispute can be settled.
pub(super) fn of_dispute(caller: &Caller, dispute: &Dispute) -> Vec<Json> {
    if dispute.settled.is_some() {
        return Vec::new();
    }
    let step = |name, title, right| {
        action(
            caller,
            right,
            json!({"name": name, "kind": "transition", "title": title, "primary": false,
            "destructive": false, "input": ["note"]}),
        )
    };
    // Whoever objected may let it be; who issues may let it be or agree.
    let gives_in = match caller.rights().may_settle(SettlementAction::Confirm) {
        true => SettlementAction::Confirm,
        false => SettlementAction::Issue,
    };
    vec![
        step("accept", texts::accept(caller.locale), gives_in),
        step("uphold", texts::uphold(caller.locale), SettlementAction::Issue),
    ]
}

fn action(caller: &Caller, right: SettlementAction, mut action: Json) -> Json {
    let allowed = caller.rights().may_settle(right);
    action["allowed"] = json!(allowed);
    if !allowed {
        action["reason"] = json!(texts::no_right(caller.locale));
    }
    action
}
