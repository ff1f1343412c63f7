//! The hand-written server: what a competent programmer writes with axum and sqlx for exactly this object, over the
//! same tables. The product's driver and settings, one writer with group commit on SQLite; a record, its event and its
//! command are written together, and a repeated idempotency key is answered with the stored reply. It knows no rights,
//! no sessions and no model.

mod postgres;
mod sale;
mod sql;
mod sqlite;

use super::server;
use crate::part::is_postgres;
use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use packwork::clock::Clock;
use packwork::entropy::Entropy;
use sale::{Create, Group, NewSale, Problem, Sale};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

enum Data {
    Sqlite(sqlite::Data),
    Postgres(postgres::Data),
}

struct Hand {
    data: Data,
    clerk: Uuid,
    clock: Clock,
    entropy: Entropy,
}

/// Serves over a folder (SQLite) or over a schema of a database (`postgres://…`, PostgreSQL).
pub async fn serve(database: &str, tenant: &str) -> Result<()> {
    let data = match is_postgres(database) {
        true => Data::Postgres(postgres::Data::open(database, tenant).await?),
        false => Data::Sqlite(sqlite::Data::open(std::path::Path::new(database)).await?),
    };
    let clerk = match &data {
        Data::Sqlite(data) => data.clerk().await?,
        Data::Postgres(data) => data.clerk().await?,
    };
    let hand = Arc::new(Hand { data, clerk, clock: Clock::system(), entropy: Entropy::system() });
    let router = Router::new()
        .route("/sales", post(create).get(page))
        .route("/sales/{id}", get(read))
        .route("/sales/totals", get(totals))
        .route("/sales/bulk", post(bulk))
        .with_state(hand);
    server::serve(router).await
}

impl Hand {
    fn fresh(&self, sale: NewSale, key: Option<String>, digest: Option<String>) -> Create {
        let at = self.clock.now();
        Create {
            id: self.entropy.uuid(at),
            event: self.entropy.uuid(at),
            command: self.entropy.uuid(at),
            at: at.micros(),
            clerk: self.clerk,
            sale,
            key,
            digest,
        }
    }
}

async fn create(State(hand): State<Arc<Hand>>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let sale: NewSale = serde_json::from_slice(&body).map_err(|error| Problem::Bad(error.to_string()))?;
    sale.check()?;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let digest = key.is_some().then(|| hex(&Sha256::digest(&body)));
    let create = hand.fresh(sale, key, digest);
    let id = create.id;
    let reply = match &hand.data {
        Data::Sqlite(data) => data.create(create).await?,
        Data::Postgres(data) => data.create(create).await?,
    };
    let mut response = (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], reply).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("/sales/{id}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

async fn read(State(hand): State<Arc<Hand>>, Path(id): Path<Uuid>) -> Result<Json<Sale>, Problem> {
    let found = match &hand.data {
        Data::Sqlite(data) => data.read(id).await?,
        Data::Postgres(data) => data.read(id).await?,
    };
    found.map(Json).ok_or(Problem::NotFound)
}

#[derive(Deserialize)]
struct PageOf {
    channel: sale::Channel,
    until: jiff::civil::Date,
    limit: u32,
}

async fn page(State(hand): State<Arc<Hand>>, Query(asked): Query<PageOf>) -> Result<Json<SalePage>, Problem> {
    let sales = match &hand.data {
        Data::Sqlite(data) => data.page(asked.channel, asked.until, asked.limit + 1).await?,
        Data::Postgres(data) => data.page(asked.channel, asked.until, asked.limit + 1).await?,
    };
    let limit = asked.limit as usize;
    let last = sales.get(limit.wrapping_sub(1)).filter(|_| sales.len() > limit);
    let next_cursor = last.map(|sale| format!("{} {}", sale.signed_on, sale.id));
    let mut data = sales;
    data.truncate(limit);
    Ok(Json(SalePage { data, next_cursor }))
}

#[derive(serde::Serialize)]
struct SalePage {
    data: Vec<Sale>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct TotalsOf {
    from: jiff::civil::Date,
    to: jiff::civil::Date,
}

async fn totals(State(hand): State<Arc<Hand>>, Query(asked): Query<TotalsOf>) -> Result<Json<Value>, Problem> {
    let groups: Vec<Group> = match &hand.data {
        Data::Sqlite(data) => data.totals(asked.from, asked.to).await?,
        Data::Postgres(data) => data.totals(asked.from, asked.to).await?,
    };
    Ok(Json(json!({"data": groups})))
}

#[derive(Deserialize)]
struct Bulk {
    sales: Vec<NewSale>,
}

async fn bulk(State(hand): State<Arc<Hand>>, Json(asked): Json<Bulk>) -> Result<Json<Value>, Problem> {
    let mut creates = Vec::with_capacity(asked.sales.len());
    for sale in asked.sales {
        sale.check()?;
        creates.push(hand.fresh(sale, None, None));
    }
    let ids: Vec<Uuid> = creates.iter().map(|create| create.id).collect();
    match &hand.data {
        Data::Sqlite(data) => data.bulk(creates).await?,
        Data::Postgres(data) => data.bulk(creates).await?,
    }
    let results: Vec<Value> = ids.iter().map(|id| json!({"status": 201, "id": id, "version": 1})).collect();
    Ok(Json(json!({"succeeded": results.len(), "failed": 0, "results": results})))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Problem::Bad(detail) => (StatusCode::UNPROCESSABLE_ENTITY, detail),
            Problem::NotFound => (StatusCode::NOT_FOUND, "there is no such sale".to_owned()),
            Problem::NotUnique => (StatusCode::CONFLICT, "another sale has this code".to_owned()),
            Problem::KeyUsed => (StatusCode::UNPROCESSABLE_ENTITY, "the key was used for another request".to_owned()),
            Problem::Failed(detail) => (StatusCode::INTERNAL_SERVER_ERROR, detail),
        };
        (status, Json(json!({"detail": detail}))).into_response()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The statements, for the documentation.
pub fn statements(database: &str) -> Result<&'static [(&'static str, &'static str)]> {
    match database {
        "sqlite" => Ok(&sqlite::STATEMENTS),
        "postgres" => Ok(&postgres::STATEMENTS),
        _ => bail!("`{database}` is no database"),
    }
}

fn clerk_of(found: Option<Uuid>) -> Result<Uuid> {
    found.context("the clerk is not there")
}
