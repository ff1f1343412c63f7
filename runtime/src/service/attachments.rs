//! Files attached to records. Whoever may read the record (and the field it is attached to) may read the file; whoever
//! may change the record may add and remove.

use super::records::{id, load, may, object};
use super::session::{Caller, USER};
use super::view::Titles;
use super::{Answer, Error, refuse};
use crate::app::App;
use crate::files;
use crate::store::Attachment;
use futures_util::Stream;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::definition::object::FieldType;
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Names are shown, never used as paths.
const NAME_MAX: usize = 200;

/// Where an uploaded file goes.
pub struct Asked {
    pub object: String,
    pub record: String,
    pub name: String,
    pub field: Option<String>,
}

pub async fn list(app: &App, caller: &Caller, object_name: &str, written_id: &str) -> Answer<Json> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    let record = id(app, &model, caller, &object, written_id).await?;
    load(app, &model, caller, &object, record).await?;
    let mut found = app.store.attachments(&caller.scope, &object.name, record).await?;
    found.retain(|attachment| shows(caller, &object, attachment));
    Ok(json!({"data": shown(app, &model, caller, &found).await?}))
}

fn shows(caller: &Caller, object: &Object, attachment: &Attachment) -> bool {
    attachment.field.as_ref().is_none_or(|field| caller.rights().shows(&object.name, field))
}

async fn shown(app: &App, model: &Model, caller: &Caller, found: &[Attachment]) -> Answer<Vec<Json>> {
    let user: Name = USER.into();
    let users: BTreeSet<_> = found.iter().filter_map(|one| Some((user.clone(), one.uploaded_by?))).collect();
    let titles = Titles::load(app, model, caller, users).await?;
    let one = |attachment: &Attachment| {
        json!({
            "id": attachment.id,
            "name": attachment.name,
            "type": attachment.media_type,
            "size": attachment.size,
            "sha256": attachment.sha256,
            "field": attachment.field,
            "uploaded_by": attachment.uploaded_by.map(|user| titles.reference(USER, user)),
            "uploaded_at": attachment.uploaded_at.to_string(),
        })
    };
    Ok(found.iter().map(one).collect())
}

/// Takes a file in: first its bytes under another name, then its row, then its place.
pub async fn add<B, E>(
    app: &App,
    caller: &Caller,
    asked: Asked,
    blocks: impl Stream<Item = Result<B, E>>,
) -> Answer<Json>
where
    B: AsRef<[u8]>,
    E: std::fmt::Display,
{
    let model = app.model();
    let object = object(&model, caller, &asked.object)?;
    let record = id(app, &model, caller, &object, &asked.record).await?;
    load(app, &model, caller, &object, record).await?;
    may(caller, &object, Action::Update, "update")?;
    let field = asked.field.as_deref().map(|name| field_of(caller, &object, name)).transpose()?;
    let name = plain_name(&asked.name)?;
    let now = app.clock.now();
    let id = app.entropy.uuid(now);
    let incoming = app.files.receive(id, &name, blocks).await.map_err(failed)?;
    let wants_image = field.as_ref().is_some_and(|(_, written)| *written == FieldType::Image);
    if incoming.kind.is_program || (wants_image && !incoming.kind.is_image()) {
        app.files.discard(id).await;
        let wanted = if wants_image { "an image" } else { "a document" };
        let detail = format!("the content is `{}`; {wanted} is taken here", incoming.kind.media_type);
        return Err(refuse(Code::BadFileType, detail).with("type", incoming.kind.media_type).into());
    }
    let attachment = Attachment {
        id,
        object: object.name.clone(),
        record,
        field: field.map(|(name, _)| name),
        name,
        media_type: incoming.kind.media_type.to_owned(),
        size: i64::try_from(incoming.size).unwrap_or(i64::MAX),
        sha256: incoming.sha256,
        uploaded_by: caller.id,
        uploaded_at: now,
    };
    if let Err(error) = app.store.add_attachment(&caller.scope, &attachment).await {
        app.files.discard(id).await;
        return Err(error.into());
    }
    // What goes wrong here is mended by whoever reads it first, or by housekeeping.
    if let Err(error) = app.files.settle(id).await {
        tracing::warn!(%error, attachment = %id, "an attachment did not get its place yet");
    }
    let mut shown = shown(app, &model, caller, &[attachment]).await?;
    Ok(shown.pop().unwrap_or_default())
}

fn failed(error: files::Error) -> Error {
    match error {
        files::Error::TooLarge(bytes) => refuse(Code::BodyTooLarge, format!("the file is larger than {bytes} bytes"))
            .with("limit", "attachment_megabytes")
            .with("limit_bytes", bytes)
            .into(),
        files::Error::BrokenOff(cause) => {
            refuse(Code::BadParameter, format!("the upload broke off: {cause}")).with("parameter", "body").into()
        }
        files::Error::Io(error) => Error::Broken(format!("writing an attachment: {error}")),
    }
}

fn field_of(caller: &Caller, object: &Arc<Object>, name: &str) -> Result<(Name, FieldType), Refusal> {
    let found = object.field(name).map(|(_, field)| field);
    let fits = |written| matches!(written, FieldType::Attachment | FieldType::Image);
    match found.filter(|field| fits(field.written) && caller.rights().shows(&object.name, name)) {
        Some(field) => Ok((field.name.clone(), field.written)),
        None => {
            let detail = format!("`{}` has no field `{name}` for files", object.name);
            Err(refuse(Code::BadParameter, detail).with("parameter", "field"))
        }
    }
}

/// The last part of a name, without what a terminal or a header would act on.
fn plain_name(name: &str) -> Result<String, Refusal> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|letter| !letter.is_control()).take(NAME_MAX).collect();
    match plain.trim().trim_matches('.') {
        "" => Err(refuse(Code::BadParameter, "`name` is the file's name").with("parameter", "name")),
        _ => Ok(plain.trim().to_owned()),
    }
}

/// An attachment the caller may read.
pub async fn find(app: &App, caller: &Caller, written: &str) -> Answer<Attachment> {
    let absent = || refuse(Code::NotFound, format!("there is no attachment `{written}`")).with("id", written);
    let id = Uuid::parse_str(written).map_err(|_| absent())?;
    let attachment = app.store.attachment(&caller.scope, id).await?.ok_or_else(absent)?;
    let model = app.model();
    let object = object(&model, caller, &attachment.object).map_err(|_| absent())?;
    match load(app, &model, caller, &object, attachment.record).await {
        Ok(_) if shows(caller, &object, &attachment) => Ok(attachment),
        Ok(_) | Err(Error::Refused(_)) => Err(absent().into()),
        Err(error) => Err(error),
    }
}

pub async fn delete(app: &App, caller: &Caller, written: &str) -> Answer<()> {
    let attachment = find(app, caller, written).await?;
    let model = app.model();
    let object = object(&model, caller, &attachment.object)?;
    may(caller, &object, Action::Update, "update")?;
    Ok(app.store.delete_attachment(&caller.scope, attachment.id, app.clock.now()).await?)
}

/// Files removed in one round.
const REMOVED_AT_ONCE: u32 = 200;

/// Removes the files of deleted attachments, and puts right or removes what uploads left behind.
pub async fn tidy(app: &App) -> Answer<()> {
    let broken = |error: std::io::Error| Error::Broken(format!("tidying attachments: {error}"));
    let scope = app.system();
    loop {
        let gone = app.store.deleted_attachments(&scope, REMOVED_AT_ONCE).await?;
        if gone.is_empty() {
            break;
        }
        for id in &gone {
            app.files.remove(*id).await.map_err(broken)?;
        }
        app.store.forget_attachments(&scope, gone).await?;
    }
    for id in app.files.abandoned(app.clock.now()).await.map_err(broken)? {
        match app.store.attachment(&scope, id).await? {
            Some(_) => app.files.settle(id).await.map_err(broken)?,
            None => app.files.discard(id).await,
        }
    }
    Ok(())
}
