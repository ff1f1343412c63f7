//! Signing in and out, and who is calling: a user's record, their rights, their navigation.

pub mod callers;

use super::{Answer, Locale, refuse};
use crate::app::App;
use crate::auth::{Secret, Token, password, token};
use crate::store::{Scope, Session};
use packwork_engine::access::{Action, Rights, SettlementAction};
use packwork_engine::codes::Code;
use packwork_engine::decision::Actor;
use packwork_engine::definition::menu::{MenuItem, Page};
use packwork_engine::definition::role::SettlementRead;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::record::{Record, slot};
use packwork_engine::value::Value;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use uuid::Uuid;

/// How long a session lives after it was last used.
const SESSION_HOURS: i64 = 12;
/// A session's end is moved at most this often: reading a page must not write a row for every request.
const TOUCH_SECONDS: i64 = 300;
/// The object whose records are the users.
pub const USER: &str = "user";

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    pub id: Option<Uuid>,
    pub login: String,
    pub name: String,
    pub scope: Scope,
    /// The language of the answer.
    pub locale: Locale,
    /// The language of the user's record.
    pub own_locale: Locale,
    pub csrf: String,
}

impl Caller {
    /// The system itself, on the command line.
    pub fn system(app: &App, locale: Locale) -> Caller {
        Caller {
            id: None,
            login: "system".into(),
            name: "system".into(),
            scope: app.system(),
            locale,
            own_locale: locale,
            csrf: String::new(),
        }
    }

    pub fn rights(&self) -> &Rights {
        &self.scope.rights
    }
}

/// What signing in gives.
#[derive(Debug)]
pub struct SignedIn {
    pub token: Token,
    pub expires_at: Moment,
    pub caller: Caller,
}

/// Checks a login and its password and opens a session.
pub async fn sign_in(
    app: &App,
    login: &str,
    secret: Secret,
    address: &str,
    locale: Option<Locale>,
) -> Answer<SignedIn> {
    let now = app.clock.now();
    if let Some(seconds) = app.sign_ins.wait_seconds(login, address, now) {
        let detail = format!("too many wrong passwords; try again in {seconds} seconds");
        return Err(refuse(Code::TooManyAttempts, detail).with("retry_after_seconds", seconds).into());
    }
    let model = app.model();
    let scope = app.system();
    let user = match app.store.by_key(&scope, &model, USER, login).await? {
        Some(id) => active_user(app, &model, id).await?,
        None => None,
    };
    let stored = match &user {
        Some(user) => app.store.credential(&scope, user.id()).await?,
        None => None,
    };
    let known = stored.is_some();
    let hash = stored.unwrap_or_else(|| password::DECOY.to_owned());
    let fits = tokio::task::spawn_blocking(move || password::verify(&secret, &hash)).await.unwrap_or(false);
    let Some(user) = user.filter(|_| known && fits) else {
        app.sign_ins.failed(login, address, now);
        return Err(refuse(Code::BadCredentials, "user or password is wrong").into());
    };
    app.sign_ins.succeeded(login, address);

    let token = Token::from_bytes(app.entropy.bytes());
    let expires_at = later(now, SESSION_HOURS * 3_600);
    let session = Session {
        token_hash: token.hash(),
        user_id: user.id(),
        csrf: token.csrf(),
        created_at: now,
        expires_at,
        last_seen: now,
    };
    app.store.insert_session(&scope, &session).await?;
    app.store.delete_expired_sessions(&scope, now).await?;
    let caller = caller_of(app, &model, &user, &token, locale);
    Ok(SignedIn { token, expires_at, caller })
}

pub async fn sign_out(app: &App, token: &Token) -> Answer<()> {
    app.store.delete_session(&app.system(), &token.hash()).await?;
    app.callers.forget();
    Ok(())
}

/// Who holds a token; `None` when nobody does any more.
pub async fn resolve(app: &App, presented: &Token, locale: Option<Locale>) -> Answer<Option<Arc<Caller>>> {
    if app.local_token.as_ref().is_some_and(|local| token::same(local.expose(), presented.expose())) {
        return Ok(Some(Arc::new(Caller::system(app, locale.unwrap_or_default()))));
    }
    let now = app.clock.now();
    let hash = presented.hash();
    let model = app.model();
    let known = match app.callers.get(&hash, &model, now) {
        Some(caller) => Some(caller),
        None => read(app, &model, presented, hash, now).await?,
    };
    Ok(known.map(|caller| match locale {
        Some(locale) if locale != caller.locale => Arc::new(Caller { locale, ..Caller::clone(&caller) }),
        _ => caller,
    }))
}

/// Reads who holds a token, in the language of the user's record.
async fn read(
    app: &App,
    model: &Arc<Model>,
    presented: &Token,
    hash: [u8; 32],
    now: Moment,
) -> Answer<Option<Arc<Caller>>> {
    let scope = app.system();
    let before = app.callers.before();
    let Some(session) = app.store.session(&scope, &hash).await?.filter(|session| session.expires_at > now) else {
        return Ok(None);
    };
    let Some(user) = active_user(app, model, session.user_id).await? else { return Ok(None) };
    let touched = now >= later(session.last_seen, TOUCH_SECONDS);
    if touched {
        app.store.touch_session(&scope, &hash, now, later(now, SESSION_HOURS * 3_600)).await?;
    }
    let caller = Arc::new(caller_of(app, model, &user, presented, None));
    // The session's end and its next touch are seen in time.
    let touch = later(if touched { now } else { session.last_seen }, TOUCH_SECONDS);
    app.callers.keep(before, hash, &caller, model, (now, session.expires_at.min(touch)));
    Ok(Some(caller))
}

/// Sets a user's password and ends their sessions.
pub async fn set_password(app: &App, user: Uuid, secret: Secret) -> Answer<()> {
    let salt: [u8; 16] = app.entropy.bytes();
    let hashed = tokio::task::spawn_blocking(move || password::hash(&secret, &salt)).await;
    let hash = hashed.map_err(super::Error::task)?.map_err(|error| super::Error::Broken(error.to_string()))?;
    app.store.set_credential(&app.system(), user, &hash).await?;
    app.store.delete_sessions_of(&app.system(), user).await?;
    app.callers.forget();
    Ok(())
}

/// Who a job works for, with the rights they have now; `None` where they may not sign in any more.
pub async fn of_job(app: &App, actor: Option<Uuid>, locale: Locale) -> Answer<Option<Caller>> {
    let Some(id) = actor else { return Ok(Some(Caller::system(app, locale))) };
    let model = app.model();
    let user = active_user(app, &model, id).await?;
    Ok(user.map(|user| caller_of(app, &model, &user, &Token::from_bytes([0; 32]), Some(locale))))
}

async fn active_user(app: &App, model: &Model, id: Uuid) -> Answer<Option<Arc<Record>>> {
    let user = app.store.get(&app.system(), model, USER, id).await?;
    Ok(user.filter(|user| !user.is_deleted() && field(model, user, "active").and_then(Value::as_bool) != Some(false)))
}

/// What a user who may sign in would be let see.
pub async fn scope_of_login(app: &App, model: &Model, login: &str) -> Answer<Option<Scope>> {
    let Some(id) = app.store.by_key(&app.system(), model, USER, login).await? else { return Ok(None) };
    let user = active_user(app, model, id).await?;
    Ok(user.map(|user| {
        let actor = actor_of(model, &user);
        Scope { tenant: app.store.tenant().into(), rights: Arc::new(Rights::of(model, &actor)), actor: Arc::new(actor) }
    }))
}

fn field<'a>(model: &Model, record: &'a Record, name: &str) -> Option<&'a Value> {
    let slot = *model.object(&record.object)?.by_name.get(name)?;
    record.values.get(slot)
}

fn caller_of(app: &App, model: &Model, user: &Record, token: &Token, locale: Option<Locale>) -> Caller {
    let actor = actor_of(model, user);
    let rights = Arc::new(Rights::of(model, &actor));
    let text = |name: &str| field(model, user, name).and_then(Value::as_text).unwrap_or_default().to_owned();
    let own_locale = Locale::named(&text("locale")).unwrap_or(Locale::Chinese);
    Caller {
        id: Some(user.id()),
        login: text("login"),
        name: text("name"),
        scope: Scope { tenant: app.store.tenant().into(), rights, actor: Arc::new(actor) },
        locale: locale.unwrap_or(own_locale),
        own_locale,
        csrf: token.csrf(),
    }
}

/// The actor a user's record stands for.
pub fn actor_of(model: &Model, user: &Record) -> Actor {
    let roles = match field(model, user, "roles") {
        Some(Value::List(roles)) => roles.iter().filter_map(Value::as_text).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let fields = match model.object(USER) {
        Some(object) => object
            .fields
            .iter()
            .zip(&user.values)
            .map(|(field, value)| (field.name.to_string(), value.clone()))
            .collect(),
        None => Default::default(),
    };
    Actor { id: Some(user.id()), department: user.values[slot::DEPARTMENT].as_id(), roles, fields }
}

fn later(moment: Moment, seconds: i64) -> Moment {
    Moment::from_micros(moment.micros() + seconds * 1_000_000)
}

/// `Me` of the contract.
pub fn me(app: &App, caller: &Caller) -> Json {
    let model = app.model();
    json!({
        "id": caller.id,
        "login": caller.login,
        "name": caller.name,
        "locale": caller.own_locale.as_str(),
        "tenant": app.store.tenant(),
        "time_zone": model.zone_name,
        "currency": &*model.currency,
        "roles": caller.scope.actor.roles,
        "csrf": caller.csrf,
        "menu": menu(&model, caller),
    })
}

/// The navigation, without what this caller cannot read.
fn menu(model: &Model, caller: &Caller) -> Vec<Json> {
    model.menus.iter().flat_map(|menu| entries(model, caller, &menu.name, &menu.items)).collect()
}

fn entries(model: &Model, caller: &Caller, menu: &str, items: &[MenuItem]) -> Vec<Json> {
    items.iter().filter_map(|item| entry(model, caller, menu, item)).collect()
}

fn entry(model: &Model, caller: &Caller, menu: &str, item: &MenuItem) -> Option<Json> {
    let children = entries(model, caller, menu, &item.children);
    let reachable = match (&item.object, item.page) {
        (Some(object), _) => model.object(object).is_some() && caller.rights().may(object, Action::Read),
        (None, Some(page)) => may_open(caller.rights(), page),
        (None, None) => !children.is_empty(),
    };
    if !reachable {
        return None;
    }
    let title = model.texts.get(caller.locale.as_str(), &format!("menu/{menu}/items/{}/title", item.id));
    let mut shown = json!({"id": item.id, "title": title});
    if let Some(icon) = &item.icon {
        shown["icon"] = json!(icon);
    }
    if let Some(object) = &item.object {
        shown["object"] = json!(object);
    }
    if let Some(page) = item.page {
        shown["page"] = json!(page);
    }
    if !children.is_empty() {
        shown["children"] = json!(children);
    }
    Some(shown)
}

fn may_open(rights: &Rights, page: Page) -> bool {
    match page {
        Page::Home | Page::Tasks => true,
        Page::Statements => rights.settlement_read() != SettlementRead::None,
        Page::Periods => rights.may_settle(SettlementAction::Close) || rights.settlement_read() == SettlementRead::All,
        Page::Runs => rights.may_settle(SettlementAction::Run),
        Page::Analysis | Page::Schedules => rights.settlement_read() == SettlementRead::All,
    }
}
