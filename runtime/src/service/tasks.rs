//! To-dos of a caller's roles. One closes by itself when its cause is gone; nobody ticks it off.

use super::session::Caller;
use super::view::Titles;
use super::{Answer, refuse};
use crate::app::App;
use crate::store::TodoFor;
use packwork_engine::codes::Code;
use serde_json::{Value as Json, json};

/// To-dos of one answer; the count tells of the rest.
const TODOS_MAX: u32 = 200;

pub async fn list(app: &App, caller: &Caller, box_name: &str) -> Answer<Json> {
    if box_name != "todo" {
        let detail = format!("there is no box `{box_name}`; there is `todo`");
        return Err(refuse(Code::BadParameter, detail).with("parameter", "box").into());
    }
    let model = app.model();
    let whose = match caller.rights().everything {
        true => TodoFor::All,
        false => TodoFor::Roles(&caller.scope.actor.roles),
    };
    let todos = app.store.todos(&caller.scope, whose, TODOS_MAX).await?;
    let count = app.store.todo_count(&caller.scope, whose).await?;
    let wanted = todos.iter().map(|todo| (todo.object.clone(), todo.record)).collect();
    let titles = Titles::load(app, &model, caller, wanted).await?;
    let data: Vec<Json> = todos
        .iter()
        .map(|todo| {
            json!({
                "id": format!("{}:{}", todo.record, todo.todo),
                "kind": "todo",
                "code": todo.todo,
                "title": model.texts.get(caller.locale.as_str(), &format!("object/{}/todos/{}/title", todo.object, todo.todo)),
                "object": &*todo.object,
                "record": titles.reference(&todo.object, todo.record),
                "created_at": todo.opened_at.to_string(),
                "role": todo.role,
            })
        })
        .collect();
    Ok(json!({"data": data, "count": count}))
}
