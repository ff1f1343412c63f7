//! Comments on records. Whoever reads a record reads and writes its comments; `@login` mentions whoever may see it too.

use super::command;
use super::records::{id, load, object};
use super::session::{self, Caller, USER};
use super::view::Titles;
use super::{Answer, Error, refuse};
use crate::app::App;
use crate::store::{Comment, Executed, Idempotency, Mention, Once};
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::object::Object;
use packwork_engine::record::Name;
use packwork_engine::refusal::{FieldError, Refusal};
use packwork_engine::value::Value;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Longer than any remark; a document is an attachment.
const TEXT_MAX: usize = 10_000;
/// People one comment mentions at most.
const MENTIONED_MAX: usize = 50;

/// A record the caller may read.
struct About {
    model: Arc<Model>,
    object: Arc<Object>,
    record: Uuid,
}

async fn about(app: &App, caller: &Caller, object_name: &str, written_id: &str) -> Answer<About> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    let record = id(app, &model, caller, &object, written_id).await?;
    load(app, &model, caller, &object, record).await?;
    Ok(About { model, object, record })
}

/// Comments on a record, newest first.
pub async fn list(
    app: &App,
    caller: &Caller,
    object_name: &str,
    written_id: &str,
    limit: u32,
    after: Option<&str>,
) -> Answer<Json> {
    let about = about(app, caller, object_name, written_id).await?;
    let list = format!("comments {} {}", about.object.name, about.record);
    let after = place(app, &list, after)?;
    let mut found = app.store.comments(&caller.scope, &about.object.name, about.record, limit + 1, after).await?;
    let next = next_cursor(app, &list, limit, &mut found, |comment| (comment.created_at, comment.id));
    let shown = Shown::load(app, &about.model, caller, found.iter().collect()).await?;
    let data: Vec<Json> = found.iter().map(|comment| shown.comment(caller, comment)).collect();
    Ok(json!({"data": data, "next_cursor": next}))
}

fn place(app: &App, list: &str, after: Option<&str>) -> Answer<crate::store::After> {
    let Some(text) = after else { return Ok(None) };
    match &app.cursors.read(list, text)?[..] {
        [Value::Moment(at), Value::Id(id)] => Ok(Some((*at, *id))),
        _ => Err(refuse(Code::BadCursor, "the cursor does not belong to this list").into()),
    }
}

fn next_cursor<T>(
    app: &App,
    list: &str,
    limit: u32,
    found: &mut Vec<T>,
    key: impl Fn(&T) -> (Moment, Uuid),
) -> Option<String> {
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let (at, id) = found.last().filter(|_| more).map(key)?;
    Some(app.cursors.write(list, &[Value::Moment(at), Value::Id(id)]))
}

/// The new comment, and whether the request is a repeat.
pub async fn add(
    app: &App,
    caller: &Caller,
    object_name: &str,
    written_id: &str,
    text: &str,
    key: Option<Idempotency>,
) -> Answer<(Json, bool)> {
    let about = about(app, caller, object_name, written_id).await?;
    let text = checked(text)?;
    let now = app.clock.now();
    let comment = Comment {
        id: app.entropy.uuid(now),
        object: about.object.name.clone(),
        record: about.record,
        text,
        author: caller.id,
        created_at: now,
        edited_at: None,
    };
    let mentioned = mentioned(app, &about, &comment.text).await?;
    let mut shown = Shown::default();
    shown.mentioned.insert(comment.id, mentioned.clone());
    shown.titles(app, &about.model, caller, [&comment]).await?;
    let json = shown.comment(caller, &comment);
    let once = key.map(|key| Once { id: comment.id, at: now, key, reply: json.clone() });
    match app.store.add_comment(&caller.scope, comment, mentioned, once).await? {
        Some(before) => Ok((replayed(before)?.unwrap_or(json), true)),
        None => Ok((json, false)),
    }
}

/// What the first request with a key was answered.
fn replayed(before: Executed) -> Answer<Option<Json>> {
    match before {
        Executed::Replayed { reply, .. } => Ok(reply),
        _ => Err(command::mismatch()),
    }
}

fn once(app: &App, key: Option<Idempotency>, reply: Json) -> Option<Once> {
    let at = app.clock.now();
    key.map(|key| Once { id: app.entropy.uuid(at), at, key, reply })
}

fn checked(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let error = if text.is_empty() {
        FieldError::new(Code::Required, "/text", "`text` is required").with("field", "text")
    } else if text.chars().count() > TEXT_MAX {
        let message = format!("`text` has at most {TEXT_MAX} characters");
        FieldError::new(Code::OutOfRange, "/text", message).with("field", "text").with("maximum", TEXT_MAX)
    } else {
        return Ok(text.to_owned());
    };
    Err(Refusal::of_fields(vec![error]))
}

/// The logins a text mentions: `@` at the start of a word, then letters, digits, `.`, `_` and `-`.
fn logins(text: &str) -> BTreeSet<String> {
    let is_login = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let mut found = BTreeSet::new();
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        if letter == '@' && !before.is_ascii_alphanumeric() {
            let login: String = text[at + 1..].chars().take_while(|letter| is_login(*letter)).collect();
            let login = login.trim_end_matches(['.', '-']);
            if !login.is_empty() {
                found.insert(login.to_owned());
            }
        }
        before = letter;
    }
    found
}

/// Users a text mentions who may see the record; a login runs into Chinese text, so shorter readings are tried.
async fn mentioned(app: &App, about: &About, text: &str) -> Answer<Vec<Uuid>> {
    let mut users = BTreeSet::new();
    for login in logins(text).into_iter().take(MENTIONED_MAX) {
        let mut tries = vec![login.clone()];
        let ascii: String = login.chars().take_while(char::is_ascii).collect();
        if !ascii.is_empty() && ascii != login {
            tries.push(ascii);
        }
        for login in tries {
            let Some(scope) = session::scope_of_login(app, &about.model, &login).await? else { continue };
            let name = &about.object.name;
            if scope.rights.may(name, Action::Read)
                && app.store.get(&scope, &about.model, name, about.record).await?.is_some()
            {
                users.extend(scope.actor.id);
            }
            break;
        }
    }
    Ok(users.into_iter().collect())
}

/// A comment on this record.
async fn one(app: &App, caller: &Caller, about: &About, written: &str) -> Answer<Comment> {
    let found = match Uuid::parse_str(written) {
        Ok(id) => app.store.comment(&caller.scope, id).await?,
        Err(_) => None,
    };
    let of_record = |comment: &Comment| comment.object == about.object.name && comment.record == about.record;
    found.filter(of_record).ok_or_else(|| {
        refuse(Code::NotFound, format!("there is no comment `{written}`"))
            .with("object", "comment")
            .with("id", written)
            .into()
    })
}

fn not_yours(action: &str) -> Error {
    refuse(Code::Forbidden, format!("only its author may {action} a comment"))
        .with("object", "comment")
        .with("action", action)
        .into()
}

/// Object, record and comment, as they stand in an address.
type Place<'a> = (&'a str, &'a str, &'a str);

pub async fn edit(
    app: &App,
    caller: &Caller,
    (object_name, written_id, comment): Place<'_>,
    text: &str,
    key: Option<Idempotency>,
) -> Answer<(Json, bool)> {
    let about = about(app, caller, object_name, written_id).await?;
    let mut comment = one(app, caller, &about, comment).await?;
    if comment.author != caller.id {
        return Err(not_yours("update"));
    }
    comment.text = checked(text)?;
    let now = app.clock.now();
    comment.edited_at = Some(now);
    let mentioned = mentioned(app, &about, &comment.text).await?;
    let mut shown = Shown::default();
    shown.mentioned.insert(comment.id, mentioned.clone());
    shown.titles(app, &about.model, caller, [&comment]).await?;
    let json = shown.comment(caller, &comment);
    let once = once(app, key, json.clone());
    match app.store.edit_comment(&caller.scope, &comment, mentioned, now, once).await? {
        Some(before) => Ok((replayed(before)?.unwrap_or(json), true)),
        None => Ok((json, false)),
    }
}

/// Authors delete their comments, administrators any.
pub async fn delete(
    app: &App,
    caller: &Caller,
    (object_name, written_id, comment): Place<'_>,
    key: Option<Idempotency>,
) -> Answer<bool> {
    let about = about(app, caller, object_name, written_id).await?;
    let comment = one(app, caller, &about, comment).await?;
    if comment.author != caller.id && !caller.rights().everything {
        return Err(not_yours("delete"));
    }
    let once = once(app, key, Json::Null);
    Ok(app.store.delete_comment(&caller.scope, comment.id, once).await?.map(replayed).transpose()?.is_some())
}

/// Comments that mention the caller, on records they may still see.
pub async fn mentions(app: &App, caller: &Caller, limit: u32, after: Option<&str>) -> Answer<Json> {
    let model = app.model();
    let Some(user) = caller.id else { return Ok(json!({"data": [], "next_cursor": null, "unread": 0})) };
    let list = format!("mentions {user}");
    let after = place(app, &list, after)?;
    let mut found = app.store.mentions(&caller.scope, user, limit + 1, after).await?;
    let next = next_cursor(app, &list, limit, &mut found, |mention| (mention.comment.created_at, mention.comment.id));
    let mut records: BTreeMap<Name, Vec<Uuid>> = BTreeMap::new();
    for mention in &found {
        records.entry(mention.comment.object.clone()).or_default().push(mention.comment.record);
    }
    let mut visible = BTreeSet::new();
    for (name, ids) in records {
        if object(&model, caller, &name).is_ok() {
            visible.extend(app.store.visible(&caller.scope, &model, &name, ids).await?);
        }
    }
    let found: Vec<Mention> = found.into_iter().filter(|mention| visible.contains(&mention.comment.record)).collect();
    let shown = Shown::load(app, &model, caller, found.iter().map(|mention| &mention.comment).collect()).await?;
    let data: Vec<Json> = found
        .iter()
        .map(|mention| {
            let comment = &mention.comment;
            json!({
                "comment": shown.comment(caller, comment),
                "record": shown.titles.reference(&comment.object, comment.record),
                "read": mention.read,
            })
        })
        .collect();
    let unread = app.store.unread_mentions(&caller.scope, user).await?;
    Ok(json!({"data": data, "next_cursor": next, "unread": unread}))
}

/// Whether the request is a repeat: what came since the first one stays unread.
pub async fn read_mentions(app: &App, caller: &Caller, key: Option<Idempotency>) -> Answer<bool> {
    let Some(user) = caller.id else { return Ok(false) };
    let once = once(app, key, Json::Null);
    let before = app.store.read_mentions(&caller.scope, user, app.clock.now(), once).await?;
    Ok(before.map(replayed).transpose()?.is_some())
}

/// What is shown beside comments: who wrote them, who is mentioned.
#[derive(Default)]
struct Shown {
    mentioned: BTreeMap<Uuid, Vec<Uuid>>,
    titles: Titles,
}

impl Shown {
    async fn load(app: &App, model: &Model, caller: &Caller, comments: Vec<&Comment>) -> Answer<Shown> {
        let ids = comments.iter().map(|comment| comment.id).collect();
        let mut shown = Shown { mentioned: app.store.mentioned(&caller.scope, ids).await?, ..Shown::default() };
        shown.titles(app, model, caller, comments).await?;
        Ok(shown)
    }

    async fn titles<'c>(
        &mut self,
        app: &App,
        model: &Model,
        caller: &Caller,
        comments: impl IntoIterator<Item = &'c Comment>,
    ) -> Answer<()> {
        let user: Name = USER.into();
        let mut wanted: BTreeSet<(Name, Uuid)> =
            self.mentioned.values().flatten().map(|id| (user.clone(), *id)).collect();
        for comment in comments {
            wanted.extend(comment.author.map(|author| (user.clone(), author)));
            wanted.insert((comment.object.clone(), comment.record));
        }
        self.titles = Titles::load(app, model, caller, wanted).await?;
        Ok(())
    }

    fn comment(&self, caller: &Caller, comment: &Comment) -> Json {
        let mentioned = self.mentioned.get(&comment.id).into_iter().flatten();
        let mentions: Vec<Json> = mentioned.map(|id| self.titles.reference(USER, *id)).collect();
        json!({
            "id": comment.id,
            "text": comment.text,
            "author": comment.author.map(|author| self.titles.reference(USER, author)),
            "mentions": mentions,
            "created_at": comment.created_at.to_string(),
            "edited_at": comment.edited_at.map(|at| at.to_string()),
            "mine": comment.author == caller.id,
        })
    }
}

/// What an earlier request with this key was answered.
pub async fn before(app: &App, caller: &Caller, key: Option<&Idempotency>) -> Answer<Option<Json>> {
    let Some(key) = key else { return Ok(None) };
    Ok(command::reply_before(app, caller, key).await?.map(Option::unwrap_or_default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_stand_after_an_at_sign() {
        let check = |text: &str, expect: &[&str]| {
            let expect: BTreeSet<String> = expect.iter().map(|login| (*login).to_owned()).collect();
            assert_eq!(logins(text), expect, "{text}");
        };
        check("@anna see this, @bob.smith.", &["anna", "bob.smith"]);
        check("mail a@example.com", &[]);
        check("请@王五 看，(@li-4)", &["王五", "li-4"]);
        check("@ @@", &[]);
    }
}
