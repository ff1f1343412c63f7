//! Out of the recycle bin.

use super::{View, answer, before, id, may, not_found, object};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::{Answer, command};
use crate::store::Idempotency;
use packwork_engine::access::Action;
use packwork_engine::decision::Command;

/// Restores a deleted record; whoever may delete may restore. A version is only asked for where one is given.
pub async fn restore(
    app: &App,
    caller: &Caller,
    object_name: &str,
    written_id: &str,
    version: Option<i64>,
    key: Option<Idempotency>,
) -> Answer<View> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    if let Some(view) = before(app, &model, caller, &object, key.as_ref()).await? {
        return Ok(view);
    }
    let id = id(app, &model, caller, &object, written_id).await?;
    let found = app.store.get(&caller.scope, &model, &object.name, id).await?;
    found.ok_or_else(|| not_found(&object, written_id))?;
    may(caller, &object, Action::Delete, "restore")?;
    let command = Command::Restore { object: object.name.clone(), id, version };
    let done = command::run(app, &model, caller, command, key).await?;
    answer(app, &model, caller, &object, done, Some(id)).await
}
