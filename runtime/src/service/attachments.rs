//! Files attached to records. Whoever may read the record (and the field it is attached to) may read the file; whoever
//! may change the record may add and remove.

use super::command::{self, Done};
use super::records::{id, load, may, object};
use super::session::{Caller, USER};
use super::view::Titles;
use super::{Answer, Error, refuse};
use crate::app::App;
use crate::files;
use crate::store::Idempotency;
use futures_util::Stream;
use packwork_engine::access::Action;
use packwork_engine::attachment::Attachment;
use packwork_engine::codes::Code;
use packwork_engine::decision::Command;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::object::{Field, FieldKind, Object};
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Names are shown, never used as paths.
const NAME_MAX: usize = 200;

/// A caller's key for an upload: what was asked for is known once the file is.
pub struct Keyed {
    pub key: String,
    pub asked: String,
}

impl Keyed {
    fn of(self, sha256: &str) -> Idempotency {
        let digest = command::digest(&format!("{} {sha256}", self.asked));
        Idempotency { key: self.key, digest, lasting: false }
    }
}

/// Files that were sent for a record nobody made are given up after this long.
const WAITING_HOURS: i64 = 24;

/// Where an uploaded file goes.
pub struct Asked {
    pub object: String,
    /// Absent where the record is still to be made.
    pub record: Option<String>,
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

/// Takes a file in: first its bytes under another name, then its row and the field that names it, then its place. With
/// the answer, whether the request is a repeat.
pub async fn add<B, E>(
    app: &App,
    caller: &Caller,
    asked: Asked,
    key: Option<Keyed>,
    blocks: impl Stream<Item = Result<B, E>>,
) -> Answer<(Json, bool)>
where
    B: AsRef<[u8]>,
    E: std::fmt::Display,
{
    let model = app.model();
    let object = object(&model, caller, &asked.object)?;
    let record = match &asked.record {
        Some(written) => {
            let record = id(app, &model, caller, &object, written).await?;
            load(app, &model, caller, &object, record).await?;
            may(caller, &object, Action::Update, "update")?;
            Some(record)
        }
        None => {
            may_make(&model, caller, &object)?;
            None
        }
    };
    let field = asked.field.as_deref().map(|name| field_of(caller, &object, name)).transpose()?;
    let name = plain_name(&asked.name)?;
    let now = app.clock.now();
    let id = app.entropy.uuid(now);
    let bytes_max = field.and_then(|field| match field.kind {
        FieldKind::Files { bytes_max, .. } => bytes_max,
        _ => None,
    });
    let blocks_max = bytes_max.unwrap_or(u64::MAX);
    let incoming = app.files.receive(id, &name, blocks_max, blocks).await.map_err(failed)?;
    let attachment = Attachment {
        id,
        object: object.name.clone(),
        record,
        field: field.map(|field| field.name.clone()),
        name,
        media_type: incoming.kind.media_type.to_owned(),
        size: i64::try_from(incoming.size).unwrap_or(i64::MAX),
        sha256: incoming.sha256,
        uploaded_by: caller.id,
        uploaded_at: now,
    };
    let wants_image = field.is_some_and(|field| matches!(field.kind, FieldKind::Files { images: true, .. }));
    let taken = match incoming.kind.is_program || (wants_image && !attachment.is_image()) {
        true => Err(bad_type(&attachment, wants_image).into()),
        false => keep(app, &model, caller, attachment, key).await,
    };
    if !matches!(taken, Ok((_, false))) {
        app.files.discard(id).await;
        return taken;
    }
    // What goes wrong here is mended by whoever reads it first, or by housekeeping.
    if let Err(error) = app.files.settle(id).await {
        tracing::warn!(%error, attachment = %id, "an attachment did not get its place yet");
    }
    taken
}

async fn keep(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    attachment: Attachment,
    key: Option<Keyed>,
) -> Answer<(Json, bool)> {
    let key = key.map(|key| key.of(&attachment.sha256));
    if let Some(key) = &key
        && let Some(reply) = command::reply_before(app, caller, key).await?
    {
        return Ok((reply.unwrap_or_default(), true));
    }
    let json = shown(app, model, caller, std::slice::from_ref(&attachment)).await?.pop().unwrap_or_default();
    let command = Command::Attach(Box::new(attachment));
    match command::run_replying(app, model, caller, command, key, json.clone()).await? {
        Done::Now { .. } => Ok((json, false)),
        Done::Before { reply, .. } => Ok((reply.unwrap_or_default(), true)),
    }
}

fn bad_type(attachment: &Attachment, wants_image: bool) -> Refusal {
    let wanted = if wants_image { "an image" } else { "a document" };
    let detail = format!("the content is `{}`; {wanted} is taken here", attachment.media_type);
    refuse(Code::BadFileType, detail).with("type", attachment.media_type.as_str())
}

/// Who may make records, or change them, sends files for records to come; rows come with their owner.
fn may_make(model: &Model, caller: &Caller, object: &Object) -> Result<(), Refusal> {
    let owner = object.owned_by.as_ref().and_then(|owner| model.object(owner));
    let object = owner.map_or(object, |owner| owner);
    match caller.rights().may(&object.name, Action::Update) {
        true => Ok(()),
        false => may(caller, object, Action::Create, "create"),
    }
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

fn field_of<'o>(caller: &Caller, object: &'o Object, name: &str) -> Result<&'o Field, Refusal> {
    let found = object.field(name).map(|(_, field)| field);
    let fits = |field: &&Field| matches!(field.kind, FieldKind::Files { .. });
    found.filter(fits).filter(|_| caller.rights().shows(&object.name, name)).ok_or_else(|| {
        let detail = format!("`{}` has no field `{name}` for files", object.name);
        refuse(Code::BadParameter, detail).with("parameter", "field")
    })
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
    let Some(record) = attachment.record else {
        // Until a record names it, it is its sender's.
        return Some(attachment).filter(|one| one.uploaded_by == caller.id).ok_or_else(|| absent().into());
    };
    match load(app, &model, caller, &object, record).await {
        Ok(_) if shows(caller, &object, &attachment) => Ok(attachment),
        Ok(_) | Err(Error::Refused(_)) => Err(absent().into()),
        Err(error) => Err(error),
    }
}

/// Deletes a file, taking it out of the field that names it; whether the request is a repeat.
pub async fn delete(app: &App, caller: &Caller, written: &str, key: Option<Idempotency>) -> Answer<bool> {
    if let Some(key) = &key
        && command::reply_before(app, caller, key).await?.is_some()
    {
        return Ok(true);
    }
    let attachment = find(app, caller, written).await?;
    let model = app.model();
    if attachment.record.is_some() {
        let object = object(&model, caller, &attachment.object)?;
        may(caller, &object, Action::Update, "update")?;
    }
    let of = attachment.record.map(|record| (attachment.object, record));
    let command = Command::Detach { id: attachment.id, of };
    let done = command::run(app, &model, caller, command, key).await?;
    Ok(matches!(done, Done::Before { .. }))
}

/// Files removed in one round.
const REMOVED_AT_ONCE: u32 = 200;

/// Removes the files of deleted attachments, and puts right or removes what uploads left behind.
pub async fn tidy(app: &App) -> Answer<()> {
    let broken = |error: std::io::Error| Error::Broken(format!("tidying attachments: {error}"));
    let (scope, now) = (app.system(), app.clock.now());
    let waiting = Moment::from_micros(now.micros() - WAITING_HOURS * 3_600 * 1_000_000);
    app.store.give_up_attachments(&scope, waiting, now).await?;
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
    for id in app.files.abandoned(now).await.map_err(broken)? {
        match app.store.attachment(&scope, id).await? {
            Some(_) => app.files.settle(id).await.map_err(broken)?,
            None => app.files.discard(id).await,
        }
    }
    Ok(())
}
