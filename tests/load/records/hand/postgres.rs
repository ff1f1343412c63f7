//! The hand-written server on PostgreSQL: a pool, a transaction for each create.

use super::sale::{Channel, Create, Group, Money, Problem, Reference, References, Sale, moment};
use super::sql::{INSERT_EVENT, INSERT_SALE, select};
use anyhow::{Context, Result};
use jiff::civil::Date;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Postgres, Row};
use std::str::FromStr;
use uuid::Uuid;

const READ: &str = select!(" AND s.f_id = $1");
const PAGE: &str = select!(
    " AND s.f_channel = $1 AND s.f_signed_on <= $2::text::date
ORDER BY s.f_signed_on DESC NULLS LAST, s.f_id DESC LIMIT $3"
);
const TOTALS: &str = "SELECT f_channel, f_stage, sum(f_amount), count(*) FROM o_sale
WHERE f_deleted_at IS NULL AND f_signed_on >= $1::text::date AND f_signed_on <= $2::text::date
GROUP BY 1, 2 ORDER BY 1, 2";
const TITLES: &str = "SELECT (SELECT f_name FROM o_account WHERE f_id = $1 AND f_deleted_at IS NULL),
       (SELECT f_name FROM o_article WHERE f_id = $2 AND f_deleted_at IS NULL)";
const CREATE_COMMAND: &str =
    "INSERT INTO command (id, at, actor, key_owner, idempotency_key, digest, subject_object, subject, reply)
VALUES ($1, $2, $3, $4, $5, $6, 'sale', $7, $8::text::jsonb)
ON CONFLICT (key_owner, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING";
const REPEATED: &str = "SELECT digest, reply::text FROM command WHERE key_owner = $1 AND idempotency_key = $2";
const SALE_ROW: &str = "($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
        $19::text::date, $20::text::date, $21, $22::text::date, $23, $24)";
const EVENT_ROW: &str = "($1, 'sale', $2, 'created', $3::text::jsonb, $4, $5, $6)";
/// A bulk's rows as arrays, one a column: one text however many rows there are.
const MANY_SALES: &str = "INSERT INTO o_sale (f_id, f_version, f_created_at, f_created_by, f_updated_at, f_updated_by,
                    f_owner, f_code, f_subject, f_channel, f_stage, f_account, f_article, f_quantity, f_discount,
                    f_price, c_price, f_amount, c_amount, f_signed_on, f_due_on, f_delivered_at, f_delivered_at_day,
                    f_urgent, f_note)
SELECT r.id, 1, $17, $18, $17, $18, $18, r.code, r.subject, r.channel, r.stage, r.account, r.article, r.quantity,
       r.discount, r.price, 'CNY', r.amount, 'CNY', r.signed_on::date, r.due_on::date, r.delivered_at,
       r.delivered_day::date, r.urgent, r.note
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::numeric[],
            $9::numeric[], $10::numeric[], $11::numeric[], $12::text[], $13::text[], $14::bigint[], $15::text[],
            $16::boolean[], $19::text[])
  AS r(id, code, subject, channel, stage, account, article, quantity, discount, price, amount, signed_on, due_on,
       delivered_at, delivered_day, urgent, note)";
const MANY_EVENTS: &str = "INSERT INTO event (id, object, record, kind, changes, at, actor, command)
SELECT r.id, 'sale', r.record, 'created', r.changes::jsonb, $5, $6, r.command
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) AS r(id, record, changes, command)";
const MANY_COMMANDS: &str = "INSERT INTO command (id, at, actor, subject_object, subject)
SELECT r.id, $3, $4, 'sale', r.subject FROM unnest($1::uuid[], $2::uuid[]) AS r(id, subject)";

pub const STATEMENTS: [(&str, &str); 12] = [
    ("Read by id", READ),
    ("Page", PAGE),
    ("Totals", TOTALS),
    ("Create: what it refers to, then the command (no row when the key was used), the record, the event", TITLES),
    ("", CREATE_COMMAND),
    ("", INSERT_SALE),
    ("", SALE_ROW),
    ("", INSERT_EVENT),
    ("", EVENT_ROW),
    ("Bulk", MANY_SALES),
    ("", MANY_EVENTS),
    ("", MANY_COMMANDS),
];

const CONNECTIONS: u32 = 16;

pub struct Data {
    pool: PgPool,
}

impl Data {
    pub async fn open(url: &str, tenant: &str) -> Result<Data> {
        let options = PgConnectOptions::from_str(url).context("reading the address")?.statement_cache_capacity(400);
        let path = format!("SET search_path TO \"t_{tenant}\"");
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let path = path.clone();
                Box::pin(async move { connection.execute(sqlx::raw_sql(AssertSqlSafe(path))).await.map(|_| ()) })
            })
            .connect_with(options)
            .await
            .context("connecting")?;
        Ok(Data { pool })
    }

    pub async fn clerk(&self) -> Result<Uuid> {
        let found = sqlx::query_scalar("SELECT f_id FROM o_user WHERE f_login = 'clerk'").fetch_optional(&self.pool);
        super::clerk_of(found.await.context("looking for the clerk")?)
    }

    pub async fn read(&self, id: Uuid) -> Result<Option<Sale>, Problem> {
        let row = sqlx::query(READ).bind(id).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| sale(&row)).transpose()?)
    }

    pub async fn page(&self, channel: Channel, until: Date, limit: u32) -> Result<Vec<Sale>, Problem> {
        let query = sqlx::query(PAGE).bind(channel.text()).bind(until.to_string()).bind(i64::from(limit));
        let rows = query.fetch_all(&self.pool).await?;
        Ok(rows.iter().map(sale).collect::<Result<_, _>>()?)
    }

    pub async fn totals(&self, from: Date, to: Date) -> Result<Vec<Group>, Problem> {
        let rows = sqlx::query(TOTALS).bind(from.to_string()).bind(to.to_string()).fetch_all(&self.pool).await?;
        let group = |row: &PgRow| {
            Ok::<Group, sqlx::Error>(Group {
                channel: row.try_get(0)?,
                stage: row.try_get(1)?,
                total: row.try_get(2)?,
                n: row.try_get(3)?,
            })
        };
        Ok(rows.iter().map(group).collect::<Result<_, _>>()?)
    }

    /// The reply as text.
    pub async fn create(&self, create: Create) -> Result<String, Problem> {
        // A transaction that is dropped rolls back.
        let mut transaction = self.pool.begin().await?;
        let reply = write(&mut transaction, &create).await?;
        transaction.commit().await?;
        Ok(reply)
    }

    pub async fn bulk(&self, creates: Vec<Create>) -> Result<(), Problem> {
        let mut transaction = self.pool.begin().await?;
        write_many(&mut transaction, &creates).await?;
        Ok(transaction.commit().await?)
    }
}

async fn write(connection: &mut PgConnection, create: &Create) -> Result<String, Problem> {
    let titles = sqlx::query(TITLES).bind(create.sale.account).bind(create.sale.article);
    let titles = titles.fetch_one(&mut *connection).await?;
    let (account, article): (Option<&str>, Option<&str>) = (titles.try_get(0)?, titles.try_get(1)?);
    let account = account.ok_or_else(|| Problem::Bad("there is no such account".into()))?;
    let article = article.ok_or_else(|| Problem::Bad("there is no such article".into()))?;
    let answer = create.answer(account, article, "Clerk");
    let reply = serde_json::to_string(&answer).map_err(|error| Problem::Failed(error.to_string()))?;
    let owner = create.clerk.to_string();
    let command = sqlx::query(CREATE_COMMAND)
        .bind(create.command)
        .bind(create.at)
        .bind(create.clerk)
        .bind(create.key.as_ref().map(|_| &owner))
        .bind(&create.key)
        .bind(&create.digest)
        .bind(create.id)
        .bind(&reply);
    if command.execute(&mut *connection).await?.rows_affected() == 0 {
        let row = sqlx::query(REPEATED).bind(&owner).bind(&create.key).fetch_one(&mut *connection).await?;
        let digest: Option<String> = row.try_get(0)?;
        return if digest == create.digest { Ok(row.try_get(1)?) } else { Err(Problem::KeyUsed) };
    }
    let text = [INSERT_SALE, SALE_ROW].concat();
    bind_sale(sqlx::query(AssertSqlSafe(text)), create).execute(&mut *connection).await?;
    let event = sqlx::query(AssertSqlSafe([INSERT_EVENT, EVENT_ROW].concat()))
        .bind(create.event)
        .bind(create.id)
        .bind(create.changes())
        .bind(create.at)
        .bind(create.clerk)
        .bind(create.command);
    event.execute(&mut *connection).await?;
    Ok(reply)
}

async fn write_many(connection: &mut PgConnection, creates: &[Create]) -> Result<(), Problem> {
    let Some(first) = creates.first() else { return Ok(()) };
    fn of<'c, T>(creates: &'c [Create], value: impl Fn(&'c Create) -> T) -> Vec<T> {
        creates.iter().map(value).collect()
    }
    let sales = sqlx::query(MANY_SALES)
        .bind(of(creates, |create| create.id))
        .bind(of(creates, |create| &*create.sale.code))
        .bind(of(creates, |create| &*create.sale.subject))
        .bind(of(creates, |create| create.sale.channel.text()))
        .bind(of(creates, |create| create.sale.stage.text()))
        .bind(of(creates, |create| create.sale.account))
        .bind(of(creates, |create| create.sale.article))
        .bind(of(creates, |create| create.sale.quantity))
        .bind(of(creates, |create| create.sale.discount))
        .bind(of(creates, |create| create.sale.price.amount))
        .bind(of(creates, |create| create.sale.amount.amount))
        .bind(of(creates, |create| create.sale.signed_on.to_string()))
        .bind(of(creates, |create| create.sale.due_on.map(|day| day.to_string())))
        .bind(of(creates, |create| create.sale.delivered_at.map(|at| at.as_microsecond())))
        .bind(of(creates, |create| create.sale.delivered_day().map(|day| day.to_string())))
        .bind(of(creates, |create| create.sale.urgent))
        .bind(first.at)
        .bind(first.clerk)
        .bind(of(creates, |create| create.sale.note.as_deref()));
    sales.execute(&mut *connection).await?;
    let events = sqlx::query(MANY_EVENTS)
        .bind(of(creates, |create| create.event))
        .bind(of(creates, |create| create.id))
        .bind(of(creates, Create::changes))
        .bind(of(creates, |create| create.command))
        .bind(first.at)
        .bind(first.clerk);
    events.execute(&mut *connection).await?;
    let commands = sqlx::query(MANY_COMMANDS)
        .bind(of(creates, |create| create.command))
        .bind(of(creates, |create| create.id))
        .bind(first.at)
        .bind(first.clerk);
    commands.execute(connection).await?;
    Ok(())
}

type Bound<'q> = Query<'q, Postgres, PgArguments>;

fn bind_sale<'q>(query: Bound<'q>, create: &'q Create) -> Bound<'q> {
    let sale = &create.sale;
    query
        .bind(create.id)
        .bind(create.at)
        .bind(create.clerk)
        .bind(create.at)
        .bind(create.clerk)
        .bind(create.clerk)
        .bind(&*sale.code)
        .bind(&*sale.subject)
        .bind(sale.channel.text())
        .bind(sale.stage.text())
        .bind(sale.account)
        .bind(sale.article)
        .bind(sale.quantity)
        .bind(sale.discount)
        .bind(sale.price.amount)
        .bind(&*sale.price.currency)
        .bind(sale.amount.amount)
        .bind(&*sale.amount.currency)
        .bind(sale.signed_on.to_string())
        .bind(sale.due_on.map(|day| day.to_string()))
        .bind(sale.delivered_at.map(|at| at.as_microsecond()))
        .bind(sale.delivered_day().map(|day| day.to_string()))
        .bind(sale.urgent)
        .bind(sale.note.as_deref())
}

fn sale(row: &PgRow) -> Result<Sale, sqlx::Error> {
    let reference = |object: &'static str, id: usize, title: usize| {
        let (id, title) = (row.try_get::<Option<Uuid>, _>(id)?, row.try_get::<Option<String>, _>(title)?);
        Ok::<Reference, sqlx::Error>(Reference { object, id: id.unwrap_or_default(), title: title.unwrap_or_default() })
    };
    let money = |amount: usize, currency: usize| {
        Ok::<Money, sqlx::Error>(Money { amount: row.try_get(amount)?, currency: row.try_get(currency)? })
    };
    let code: String = row.try_get(7)?;
    Ok(Sale {
        id: row.try_get(0)?,
        version: row.try_get(1)?,
        state: None,
        template: None,
        created_at: moment(row.try_get(2)?),
        created_by: row.try_get(3)?,
        updated_at: moment(row.try_get(4)?),
        updated_by: row.try_get(5)?,
        owner: row.try_get(6)?,
        department: None,
        title: code.clone(),
        code,
        subject: row.try_get(8)?,
        channel: row.try_get(9)?,
        stage: row.try_get(10)?,
        account: row.try_get(11)?,
        article: row.try_get(12)?,
        quantity: row.try_get(13)?,
        discount: row.try_get(14)?,
        price: money(15, 16)?,
        amount: money(17, 18)?,
        signed_on: row.try_get(19)?,
        due_on: row.try_get(20)?,
        delivered_at: row.try_get::<Option<i64>, _>(21)?.map(moment),
        urgent: row.try_get(22)?,
        note: row.try_get(23)?,
        refs: References {
            created_by: reference("user", 3, 26)?,
            updated_by: reference("user", 5, 26)?,
            owner: reference("user", 6, 26)?,
            account: reference("account", 11, 24)?,
            article: reference("article", 12, 25)?,
        },
    })
}
