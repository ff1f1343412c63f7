//! The hand-written server on SQLite: four readers, one writer that commits together whatever waits.

use super::sale::{Channel, Create, Group, Money, Problem, Reference, References, Sale, moment};
use super::sql::{INSERT_COMMAND, INSERT_EVENT, INSERT_SALE, many, select};
use crate::part::database;
use anyhow::{Context, Result};
use jiff::civil::Date;
use rust_decimal::Decimal;
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, Sqlite, SqliteConnection};
use std::path::Path;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

const READ: &str = select!(" AND s.f_id = ?");
const PAGE: &str = select!(
    " AND s.f_channel = ? AND s.f_signed_on <= ?
ORDER BY s.f_signed_on DESC, s.f_id DESC LIMIT ?"
);
const TOTALS: &str = "SELECT f_channel, f_stage, sum(f_amount), count(*) FROM o_sale
WHERE f_deleted_at IS NULL AND f_signed_on >= ? AND f_signed_on <= ?
GROUP BY 1, 2 ORDER BY 1, 2";
const TITLES: &str = "SELECT (SELECT f_name FROM o_account WHERE f_id = ? AND f_deleted_at IS NULL),
       (SELECT f_name FROM o_article WHERE f_id = ? AND f_deleted_at IS NULL)";
const CREATE_COMMAND: &str =
    "INSERT INTO command (id, at, actor, key_owner, idempotency_key, digest, subject_object, subject, reply)
VALUES (?, ?, ?, ?, ?, ?, 'sale', ?, ?)
ON CONFLICT (key_owner, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING";
const REPEATED: &str = "SELECT digest, reply FROM command WHERE key_owner = ? AND idempotency_key = ?";
const FORGET_COMMAND: &str = "DELETE FROM command WHERE id = ?";
const SALE_ROW: &str = "(?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const EVENT_ROW: &str = "(?, 'sale', ?, 'created', ?, ?, ?, ?)";
const COMMAND_ROW: &str = "(?, ?, ?, NULL, NULL, NULL, 'sale', ?, NULL)";

pub const STATEMENTS: [(&str, &str); 9] = [
    ("Read by id", READ),
    ("Page", PAGE),
    ("Totals", TOTALS),
    ("Create: what it refers to, then the command (no row when the key was used), the record, the event", TITLES),
    ("", CREATE_COMMAND),
    ("", INSERT_SALE),
    ("", SALE_ROW),
    ("", INSERT_EVENT),
    ("", EVENT_ROW),
];

/// Creates that share one commit at most, as in the product.
const GROUP_MAX: usize = 64;
const WAITING_MAX: usize = 1_024;
const READERS: u32 = 4;
/// Rows of one statement in a bulk.
const ROWS_MAX: usize = 250;

enum Job {
    Create(Box<Create>, oneshot::Sender<Result<String, Problem>>),
    Bulk(Vec<Create>, oneshot::Sender<Result<String, Problem>>),
}

pub struct Data {
    readers: SqlitePool,
    writer: mpsc::Sender<Job>,
}

impl Data {
    pub async fn open(folder: &Path) -> Result<Data> {
        let options = SqliteConnectOptions::new()
            .filename(database(folder))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(10))
            .statement_cache_capacity(400)
            .row_buffer_size(512)
            .pragma("cache_size", "-4000")
            .pragma("temp_store", "memory");
        let of_writer = options.clone().pragma("cache_size", "-8000").pragma("wal_autocheckpoint", "8000");
        let connection = of_writer.connect().await.context("opening the file to write")?;
        let (writer, jobs) = mpsc::channel(WAITING_MAX);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the writer")?;
        std::thread::spawn(move || runtime.block_on(write_all(connection, jobs)));
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(options.read_only(true))
            .await
            .context("opening the file to read")?;
        Ok(Data { readers, writer })
    }

    pub async fn clerk(&self) -> Result<Uuid> {
        let found = sqlx::query_scalar("SELECT f_id FROM o_user WHERE f_login = 'clerk'").fetch_optional(&self.readers);
        super::clerk_of(found.await.context("looking for the clerk")?)
    }

    pub async fn read(&self, id: Uuid) -> Result<Option<Sale>, Problem> {
        let row = sqlx::query(READ).bind(id).fetch_optional(&self.readers).await?;
        Ok(row.map(|row| sale(&row)).transpose()?)
    }

    pub async fn page(&self, channel: Channel, until: Date, limit: u32) -> Result<Vec<Sale>, Problem> {
        let query = sqlx::query(PAGE).bind(channel.text()).bind(until.to_string()).bind(limit);
        let rows = query.fetch_all(&self.readers).await?;
        Ok(rows.iter().map(sale).collect::<Result<_, _>>()?)
    }

    pub async fn totals(&self, from: Date, to: Date) -> Result<Vec<Group>, Problem> {
        let rows = sqlx::query(TOTALS).bind(from.to_string()).bind(to.to_string()).fetch_all(&self.readers).await?;
        let group = |row: &SqliteRow| {
            Ok::<Group, sqlx::Error>(Group {
                channel: row.try_get(0)?,
                stage: row.try_get(1)?,
                total: Decimal::new(row.try_get(2)?, 2),
                n: row.try_get(3)?,
            })
        };
        Ok(rows.iter().map(group).collect::<Result<_, _>>()?)
    }

    /// The reply as text.
    pub async fn create(&self, create: Create) -> Result<String, Problem> {
        let (sender, receiver) = oneshot::channel();
        self.ask(Job::Create(Box::new(create), sender), receiver).await
    }

    pub async fn bulk(&self, creates: Vec<Create>) -> Result<(), Problem> {
        let (sender, receiver) = oneshot::channel();
        self.ask(Job::Bulk(creates, sender), receiver).await.map(|_| ())
    }

    async fn ask(&self, job: Job, answer: oneshot::Receiver<Result<String, Problem>>) -> Result<String, Problem> {
        let gone = || Problem::Failed("the writer has stopped".into());
        self.writer.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn write_all(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while jobs.recv_many(&mut group, GROUP_MAX).await > 0 {
        let mut answers = Vec::with_capacity(group.len());
        if let Err(error) = write_group(&mut connection, &mut group, &mut answers).await {
            let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
            let failed = |_| Err(Problem::Failed(error.to_string()));
            answers = answers.into_iter().map(|(sender, answer)| (sender, failed(answer))).collect();
        }
        for (sender, answer) in answers {
            let _ = sender.send(answer);
        }
        group.clear();
    }
}

type Answers = Vec<(oneshot::Sender<Result<String, Problem>>, Result<String, Problem>)>;

/// One transaction for all that wait. A refused create leaves nothing behind: what can fail comes first.
async fn write_group(
    connection: &mut SqliteConnection,
    group: &mut Vec<Job>,
    answers: &mut Answers,
) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for job in group.drain(..) {
        match job {
            Job::Create(create, sender) => answers.push((sender, write(connection, &create).await)),
            Job::Bulk(creates, sender) => {
                sqlx::query("SAVEPOINT bulk").execute(&mut *connection).await?;
                let written = write_many(connection, &creates).await;
                let end = if written.is_ok() { "RELEASE bulk" } else { "ROLLBACK TO bulk" };
                sqlx::query(end).execute(&mut *connection).await?;
                answers.push((sender, written.map(|()| String::new()).map_err(Problem::from)));
            }
        }
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

async fn write(connection: &mut SqliteConnection, create: &Create) -> Result<String, Problem> {
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
    if let Err(error) = bind_sale(sqlx::query(AssertSqlSafe(text)), create).execute(&mut *connection).await {
        sqlx::query(FORGET_COMMAND).bind(create.command).execute(&mut *connection).await?;
        return Err(error.into());
    }
    let text = [INSERT_EVENT, EVENT_ROW].concat();
    bind_event(sqlx::query(AssertSqlSafe(text)), create).execute(&mut *connection).await?;
    Ok(reply)
}

async fn write_many(connection: &mut SqliteConnection, creates: &[Create]) -> Result<(), sqlx::Error> {
    for creates in creates.chunks(ROWS_MAX) {
        let mut sales = sqlx::query(AssertSqlSafe(many(INSERT_SALE, SALE_ROW, creates.len())));
        let mut events = sqlx::query(AssertSqlSafe(many(INSERT_EVENT, EVENT_ROW, creates.len())));
        let mut commands = sqlx::query(AssertSqlSafe(many(INSERT_COMMAND, COMMAND_ROW, creates.len())));
        for create in creates {
            sales = bind_sale(sales, create);
            events = bind_event(events, create);
            commands = commands.bind(create.command).bind(create.at).bind(create.clerk).bind(create.id);
        }
        sales.execute(&mut *connection).await?;
        events.execute(&mut *connection).await?;
        commands.execute(&mut *connection).await?;
    }
    Ok(())
}

type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

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
        .bind(scaled(sale.quantity, 2))
        .bind(sale.discount.map(|discount| scaled(discount, 4)))
        .bind(scaled(sale.price.amount, 2))
        .bind(&*sale.price.currency)
        .bind(scaled(sale.amount.amount, 2))
        .bind(&*sale.amount.currency)
        .bind(sale.signed_on.to_string())
        .bind(sale.due_on.map(|day| day.to_string()))
        .bind(sale.delivered_at.map(|at| at.as_microsecond()))
        .bind(sale.delivered_day().map(|day| day.to_string()))
        .bind(sale.urgent)
        .bind(sale.note.as_deref())
}

fn bind_event<'q>(query: Bound<'q>, create: &'q Create) -> Bound<'q> {
    query
        .bind(create.event)
        .bind(create.id)
        .bind(create.changes())
        .bind(create.at)
        .bind(create.clerk)
        .bind(create.command)
}

/// As SQLite keeps a decimal.
fn scaled(number: Decimal, scale: u32) -> i64 {
    let mut number = number;
    number.rescale(scale);
    i64::try_from(number.mantissa()).unwrap_or(i64::MAX)
}

fn sale(row: &SqliteRow) -> Result<Sale, sqlx::Error> {
    let reference = |object: &'static str, id: usize, title: usize| {
        let (id, title) = (row.try_get::<Option<Uuid>, _>(id)?, row.try_get::<Option<String>, _>(title)?);
        Ok::<Reference, sqlx::Error>(Reference { object, id: id.unwrap_or_default(), title: title.unwrap_or_default() })
    };
    let money = |amount: usize, currency: usize| {
        Ok::<Money, sqlx::Error>(Money {
            amount: Decimal::new(row.try_get(amount)?, 2),
            currency: row.try_get(currency)?,
        })
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
        quantity: Decimal::new(row.try_get(13)?, 2),
        discount: row.try_get::<Option<i64>, _>(14)?.map(|digits| Decimal::new(digits, 4)),
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
