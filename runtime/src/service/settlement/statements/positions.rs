//! Net positions of a period: what every pair of parties owes each other, both directions together, by the statements that
//! are netted and paid together.

use super::super::{Reach, reach};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{Titles, scaled};
use crate::service::{Answer, refuse};
use crate::store::StatementQuery;
use packwork_engine::codes::Code;
use packwork_engine::record::Name;
use packwork_engine::settlement::line::StatementKey;
use packwork_engine::settlement::statement::Statement;
use packwork_engine::settlement::statement::position::{Position, turned};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Statements of one answer: a hundred stores that all dealt with each other have 9,900.
const STATEMENTS_MAX: u32 = 10_000;

/// Positions, the greatest first, and what is paid in all.
pub async fn positions(app: &App, caller: &Caller, period: String, party: Option<Uuid>) -> Answer<Json> {
    let own = match reach(caller)? {
        Reach::All => None,
        Reach::Party(own) => Some(own),
    };
    let model = app.model();
    let netted: Vec<Name> =
        model.statements.values().filter(|form| form.netting).map(|form| form.name.clone()).collect();
    let query = StatementQuery {
        party: own.or(party),
        period: Some(period.clone()),
        definitions: Some(netted),
        limit: STATEMENTS_MAX + 1,
        ..StatementQuery::default()
    };
    let mut statements = app.store.statements(&caller.scope, &query).await?;
    if statements.len() > STATEMENTS_MAX as usize {
        let detail = format!("the period has more than {STATEMENTS_MAX} statements that are netted: name a `party`");
        return Err(refuse(Code::BadParameter, detail).with("parameter", "party").into());
    }
    if let (Some(_), Some(party)) = (own, party) {
        statements.retain(|statement| [statement.key.payer.id, statement.key.payee.id].contains(&party));
    }
    let pairs = paired(statements);
    let parties = pairs.keys().flat_map(|key| [&key.payer, &key.payee]);
    let titles =
        Titles::load(app, &model, caller, parties.map(|party| (party.object.clone(), party.id)).collect()).await?;
    let mut found: Vec<(&StatementKey, Position)> =
        pairs.iter().map(|(key, statements)| (key, Position::of(key, statements.iter()))).collect();
    found.sort_by_key(|(key, position)| (key.currency.clone(), Reverse(position.net()), (*key).clone()));
    let mut totals: BTreeMap<Name, [Decimal; 3]> = BTreeMap::new();
    for (key, position) in &found {
        let total = totals.entry(key.currency.clone()).or_default();
        for (sum, amount) in total.iter_mut().zip([position.owed + position.counter, position.net(), position.open]) {
            *sum += amount;
        }
    }
    let row = |(key, position): &(&StatementKey, Position)| {
        let of_pair = pairs[*key].iter().map(|statement| {
            json!({"id": statement.id, "number": statement.number, "status": statement.status,
                "payee": statement.key.payee.id, "gross": scaled(statement.gross, 2)})
        });
        json!({
            "definition": &*key.statement,
            "title": model.texts.get(caller.locale.as_str(), &format!("statement/{}/title", key.statement)),
            "currency": &*key.currency,
            "payer": titles.reference(&position.payer.object, position.payer.id),
            "payee": titles.reference(&position.payee.object, position.payee.id),
            "owed": scaled(position.owed, 2),
            "counter": scaled(position.counter, 2),
            "net": scaled(position.net(), 2),
            "open": scaled(position.open, 2),
            "statements": of_pair.collect::<Vec<_>>(),
        })
    };
    let totals = totals.iter().map(|(currency, [moved, net, open])| {
        json!({"currency": &**currency, "moved": scaled(*moved, 2), "net": scaled(*net, 2), "open": scaled(*open, 2)})
    });
    Ok(json!({
        "period": period,
        "data": found.iter().map(row).collect::<Vec<_>>(),
        "totals": totals.collect::<Vec<_>>(),
    }))
}

/// Statements by pair: both directions under the key of the one that was opened first.
fn paired(newest_first: Vec<Statement>) -> BTreeMap<StatementKey, Vec<Statement>> {
    let mut pairs: BTreeMap<StatementKey, Vec<Statement>> = BTreeMap::new();
    for statement in newest_first.into_iter().rev() {
        let turned = turned(&statement.key);
        let key = if pairs.contains_key(&turned) { turned } else { statement.key.clone() };
        pairs.entry(key).or_default().push(statement);
    }
    pairs
}
