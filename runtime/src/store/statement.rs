//! Statements: the document of two parties and a period, with the totals of its lines and what disputes hold of it.

use super::apply::insert_rows;
use super::connection::Connection;
use super::line::{AMOUNT_SCALE, Columns, decode_columns, push_visible, select_more, stored_number};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError, counter, dispute};
use packwork_engine::codes::Code;
use packwork_engine::decision::{Decision, NewStatement, StatementChange};
use packwork_engine::facts::{Facts, Stated, StatementsAsked};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::{Line, StatementHead, StatementKey, StatementStatus};
use packwork_engine::settlement::statement::position::turned;
use packwork_engine::settlement::statement::{StatedLine, Statement};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Which statements; what is `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementQuery {
    pub payer: Option<Uuid>,
    pub payee: Option<Uuid>,
    /// Payer or payee.
    pub party: Option<Uuid>,
    pub period: Option<String>,
    pub status: Option<StatementStatus>,
    /// Only of these definitions.
    pub definitions: Option<Vec<Name>>,
    /// The last statement of the former page; newest first.
    pub after: Option<Uuid>,
    pub limit: u32,
}

const SELECT: &str = "SELECT s.id, s.version, s.definition, s.payer_object, s.payer, s.payee_object, s.payee, s.period,
    s.currency, s.ordinal, s.status, s.number, s.created_at, s.issued_at, s.confirmed_at, s.paid_at, s.reversed_at,
    s.opening, s.carried, s.carried_to, s.reverses, s.reversed_by, s.reason,
    (SELECT coalesce(sum(d.gross), 0) FROM dispute AS d WHERE d.statement = s.id AND d.settled_at IS NULL),
    (SELECT coalesce(sum(d.gross), 0) FROM dispute AS d WHERE d.statement = s.id AND d.moved_to IS NOT NULL),
    coalesce(sum(l.gross), 0), coalesce(sum(l.net), 0), coalesce(sum(l.tax), 0), count(l.id)
    FROM statement AS s LEFT JOIN settlement_line AS l ON l.statement = s.id WHERE ";

const AMOUNT: Kind = Kind::Decimal(AMOUNT_SCALE);

const KINDS: [Kind; 29] = [
    Kind::Id,
    Kind::Int,
    Kind::Text,
    Kind::Text,
    Kind::Id,
    Kind::Text,
    Kind::Id,
    Kind::Text,
    Kind::Text,
    Kind::Int,
    Kind::Text,
    Kind::Text,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    AMOUNT,
    AMOUNT,
    Kind::Id,
    Kind::Id,
    Kind::Id,
    Kind::Text,
    AMOUNT,
    AMOUNT,
    AMOUNT,
    AMOUNT,
    AMOUNT,
    Kind::Int,
];

impl Store {
    pub async fn statements(&self, scope: &Scope, query: &StatementQuery) -> Result<Vec<Statement>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        // The page first, then the sums of its statements only.
        sql.push(SELECT).push("s.id IN (SELECT s.id FROM statement AS s WHERE ");
        push_visible(&mut sql, scope, "s");
        for (name, id) in [("payer", query.payer), ("payee", query.payee)] {
            if let Some(id) = id {
                sql.push(" AND s.").push(name).push(" = ").bind(Datum::Id(id));
            }
        }
        if let Some(party) = query.party {
            sql.with(" AND (s.payer = ? OR s.payee = ?)", vec![Datum::Id(party), Datum::Id(party)]);
        }
        if let Some(period) = &query.period {
            sql.push(" AND s.period = ").bind(Datum::text(period));
        }
        if let Some(status) = query.status {
            sql.push(" AND s.status = ").bind(Datum::text(status.as_str()));
        }
        if let Some(definitions) = &query.definitions {
            sql.push(" AND ").any_of("s.definition", Datum::Texts(definitions.clone()));
        }
        if let Some(after) = query.after {
            sql.with(" AND s.seq < (SELECT seq FROM statement WHERE id = ?)", vec![Datum::Id(after)]);
        }
        sql.push(" ORDER BY s.seq DESC LIMIT ").bind(Datum::Int(i64::from(query.limit)));
        sql.push(") GROUP BY s.seq ORDER BY s.seq DESC");
        let rows = connection.rows("listing statements", sql, &KINDS).await?;
        rows.into_iter().map(decode).collect()
    }

    pub async fn statement(&self, scope: &Scope, id: Uuid) -> Result<Option<Statement>, StoreError> {
        self.check(scope)?;
        read(&mut self.reader().await?, scope, id).await
    }

    /// Statements of both directions of pairs in their periods, and whatever else decisions ask, for those who may read
    /// settlement.
    pub async fn stated(&self, scope: &Scope, asked: BTreeSet<StatementsAsked>) -> Result<Facts, StoreError> {
        self.check(scope)?;
        let mut facts = Facts::default();
        fetch_stated(&mut self.reader().await?, &asked, &mut facts).await?;
        Ok(facts)
    }
}

async fn read(connection: &mut Connection, scope: &Scope, id: Uuid) -> Result<Option<Statement>, StoreError> {
    let mut sql = Sql::new(connection.dialect());
    sql.push(SELECT);
    push_visible(&mut sql, scope, "s");
    sql.push(" AND s.id = ").bind(Datum::Id(id)).push(" GROUP BY s.seq");
    connection.row("reading a statement", sql, &KINDS).await?.map(decode).transpose()
}

fn decode(row: Vec<Datum>) -> Result<Statement, StoreError> {
    let mut row = Columns::of("statement", row);
    let (id, version) = (row.id()?, row.int()?);
    Ok(Statement {
        id,
        version,
        key: key(&mut row)?,
        ordinal: row.int()?,
        status: status(&mut row)?,
        number: row.optional_text().map(|text| text.to_string()),
        created_at: row.moment()?,
        issued_at: row.optional_int().map(Moment::from_micros),
        confirmed_at: row.optional_int().map(Moment::from_micros),
        paid_at: row.optional_int().map(Moment::from_micros),
        reversed_at: row.optional_int().map(Moment::from_micros),
        opening: row.amount()?,
        carried: row.optional_amount(),
        carried_to: row.optional_id(),
        reverses: row.optional_id(),
        reversed_by: row.optional_id(),
        reason: row.optional_text().map(|text| text.to_string()),
        held: row.amount()?,
        withdrawn: row.amount()?,
        gross: row.amount()?,
        net: row.amount()?,
        tax: row.amount()?,
        lines: u64::try_from(row.int()?).unwrap_or(0),
    })
}

fn key(row: &mut Columns) -> Result<StatementKey, StoreError> {
    Ok(StatementKey {
        statement: row.text()?,
        payer: row.party()?,
        payee: row.party()?,
        period: row.text()?.to_string(),
        currency: row.text()?,
    })
}

fn status(row: &mut Columns) -> Result<StatementStatus, StoreError> {
    let text = row.text()?;
    StatementStatus::named(&text).ok_or_else(|| row.wrong(format!("`{text}` is no status")))
}

/// Moves lines to other statements and changes statements, in that order. A refusal where somebody else was first.
pub(super) async fn change(connection: &mut Connection, decision: &Decision) -> Result<Option<Refusal>, StoreError> {
    let mut moves: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for moved in &decision.moves {
        moves.entry(moved.to).or_default().push(moved.line);
    }
    for (to, lines) in moves {
        let expected = lines.len() as u64;
        let mut sql = Sql::new(connection.dialect());
        sql.push("UPDATE settlement_line SET statement = ").bind(Datum::Id(to)).push(" WHERE ");
        sql.any_of("id", Datum::Ids(lines));
        if connection.execute("moving lines", sql).await? != expected {
            return Ok(Some(Refusal::new(Code::StaleVersion, "a line that was to be moved is not there any more")));
        }
    }
    for change in &decision.statement_changes {
        if let Some(refusal) = change_one(connection, change).await? {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

async fn change_one(connection: &mut Connection, change: &StatementChange) -> Result<Option<Refusal>, StoreError> {
    let mut sql = Sql::new(connection.dialect());
    sql.push("UPDATE statement SET version = version + 1");
    if let Some(numbering) = &change.number {
        let count = counter::take(connection, &numbering.counter, 1).await?;
        sql.push(", number = ").bind(Datum::text(&numbering.format.render(numbering.date, count)));
    }
    if let Some(status) = change.status {
        sql.push(", status = ").bind(Datum::text(status.as_str()));
        let reached = match status {
            StatementStatus::Draft => None,
            StatementStatus::Issued => Some("issued_at"),
            StatementStatus::Confirmed => Some("confirmed_at"),
            StatementStatus::Paid => Some("paid_at"),
            StatementStatus::Reversed => Some("reversed_at"),
        };
        if let Some(reached) = reached {
            sql.push(", ").push(reached).push(" = ").bind(Datum::Int(change.at.micros()));
        }
    }
    if let Some(opening) = change.opening {
        match stored_number("opening", opening, AMOUNT_SCALE) {
            Ok(opening) => sql.push(", opening = ").bind(opening),
            Err(refusal) => return Ok(Some(refusal)),
        };
    }
    if let Some((debt, to)) = change.carried {
        match stored_number("carried", debt, AMOUNT_SCALE) {
            Ok(debt) => sql.push(", carried = ").bind(debt).push(", carried_to = ").bind(Datum::optional_id(to)),
            Err(refusal) => return Ok(Some(refusal)),
        };
    }
    for (name, id) in [("reverses", change.reverses), ("reversed_by", change.reversed_by)] {
        if let Some(id) = id {
            sql.push(", ").push(name).push(" = ").bind(Datum::Id(id));
        }
    }
    if let Some(reason) = &change.reason {
        sql.push(", reason = ").bind(Datum::text(reason));
    }
    sql.with(" WHERE id = ? AND version = ?", vec![Datum::Id(change.id), Datum::Int(change.expected)]);
    if connection.execute("changing a statement", sql).await? != 1 {
        let detail = "the statement was changed by somebody else";
        return Ok(Some(Refusal::new(Code::StaleVersion, detail)));
    }
    // Debts that a statement took over are open again when it is taken back.
    if change.status == Some(StatementStatus::Reversed) {
        let text = "UPDATE statement SET version = version + 1, carried = NULL, carried_to = NULL WHERE carried_to = ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::Id(change.id)]);
        connection.execute("opening debts again", sql).await?;
    }
    Ok(None)
}

/// Statements and what hangs on them, as decisions ask.
pub(super) async fn fetch_stated(
    connection: &mut Connection,
    wanted: &BTreeSet<StatementsAsked>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    for asked in wanted {
        let found = match asked {
            StatementsAsked::One(id) => Stated {
                statements: many(connection, |sql| {
                    sql.push("s.id = ").bind(Datum::Id(*id));
                })
                .await?,
                disputes: dispute::of_statement(connection, *id).await?,
                ..Stated::default()
            },
            StatementsAsked::Lines { of, only } => {
                Stated { lines: stated_lines(connection, *of, only.as_ref()).await?, ..Stated::default() }
            }
            StatementsAsked::Debts(key) => {
                let mut statements = many(connection, |sql| {
                    push_parties(sql, key);
                    sql.push(" AND s.status IN ('issued', 'confirmed', 'paid') AND s.carried IS NULL");
                    sql.push(" AND s.reverses IS NULL");
                })
                .await?;
                statements.retain(|statement| statement.undisputed() < Decimal::ZERO);
                Stated { statements, ..Stated::default() }
            }
            StatementsAsked::Pair(key) => {
                let statements = many(connection, |sql| {
                    sql.push("((");
                    push_parties(sql, key);
                    sql.push(") OR (");
                    push_parties(sql, &turned(key));
                    sql.push(")) AND s.period = ").bind(Datum::text(&key.period));
                })
                .await?;
                Stated { statements, ..Stated::default() }
            }
        };
        facts.stated.insert(asked.clone(), found);
    }
    Ok(())
}

fn push_parties(sql: &mut Sql, key: &StatementKey) {
    let binds = vec![
        Datum::Id(key.payee.id),
        Datum::Text(key.payee.object.clone()),
        Datum::Id(key.payer.id),
        Datum::Text(key.payer.object.clone()),
        Datum::Text(key.statement.clone()),
        Datum::Text(key.currency.clone()),
    ];
    let text = "s.payee = ? AND s.payee_object = ? AND s.payer = ? AND s.payer_object = ? AND s.definition = ?
                AND s.currency = ?";
    sql.with(text, binds);
}

/// Statements in the order they were opened.
async fn many(connection: &mut Connection, restrict: impl FnOnce(&mut Sql)) -> Result<Vec<Statement>, StoreError> {
    let mut sql = Sql::new(connection.dialect());
    sql.push(SELECT);
    restrict(&mut sql);
    sql.push(" GROUP BY s.seq ORDER BY s.seq");
    let rows = connection.rows("reading statements", sql, &KINDS).await?;
    rows.into_iter().map(decode).collect()
}

/// Lines on a statement with what took them back, and what took that back.
async fn stated_lines(
    connection: &mut Connection,
    of: Uuid,
    only: Option<&BTreeSet<Uuid>>,
) -> Result<Vec<StatedLine>, StoreError> {
    let restrict = |sql: &mut Sql| {
        sql.push("l.statement = ").bind(Datum::Id(of));
        if let Some(only) = only {
            sql.push(" AND ").any_of("l.id", Datum::Ids(only.iter().copied().collect()));
        }
    };
    let mut found: Vec<StatedLine> = Vec::new();
    let mut place: BTreeMap<Uuid, usize> = BTreeMap::new();
    for (line, standing, _) in lines_with_status(connection, restrict).await? {
        // What stands was taken back by nothing.
        if !standing {
            place.insert(line.id, found.len());
        }
        found.push(StatedLine { line, later: Vec::new() });
    }
    while !place.is_empty() {
        let ids = place.keys().copied().collect();
        let takers = lines_with_status(connection, |sql| {
            sql.any_of("l.reverses", Datum::Ids(ids));
        });
        let mut next = BTreeMap::new();
        for (taker, _, status) in takers.await? {
            let Some(at) = taker.reverses.and_then(|id| place.get(&id)) else { continue };
            next.insert(taker.id, *at);
            found[*at].later.push((taker, status));
        }
        place = next;
    }
    Ok(found)
}

type LineOnStatement = (Arc<Line>, bool, Option<StatementStatus>);

async fn lines_with_status(
    connection: &mut Connection,
    restrict: impl FnOnce(&mut Sql),
) -> Result<Vec<LineOnStatement>, StoreError> {
    let (text, mut kinds) = select_more(", s.status", "LEFT JOIN statement AS s ON s.id = l.statement");
    kinds.push(Kind::Text);
    let mut sql = Sql::new(connection.dialect());
    sql.push(&text);
    restrict(&mut sql);
    sql.push(" ORDER BY l.seq");
    let rows = connection.rows("reading lines of a statement", sql, &kinds).await?;
    let read = |row| {
        let mut row = Columns::of("settlement_line", row);
        let stored = decode_columns(&mut row)?;
        let status = match row.optional_text() {
            Some(text) => {
                Some(StatementStatus::named(&text).ok_or_else(|| row.wrong(format!("`{text}` is no status")))?)
            }
            None => None,
        };
        Ok((Arc::new(stored.line), stored.standing, status))
    };
    rows.into_iter().map(read).collect()
}

/// Opens statements.
pub(super) async fn insert(connection: &mut Connection, statements: &[NewStatement]) -> Result<(), StoreError> {
    let row = |statement: &NewStatement| {
        let key = &statement.key;
        vec![
            Datum::Id(statement.id),
            Datum::Int(1),
            Datum::Text(key.statement.clone()),
            Datum::Text(key.payer.object.clone()),
            Datum::Id(key.payer.id),
            Datum::Text(key.payee.object.clone()),
            Datum::Id(key.payee.id),
            Datum::text(&key.period),
            Datum::Text(key.currency.clone()),
            Datum::Int(statement.ordinal),
            Datum::text(statement.status.as_str()),
            Datum::Int(statement.at.micros()),
        ]
    };
    let into =
        "statement (id, version, definition, payer_object, payer, payee_object, payee, period, currency, ordinal,
                status, created_at)";
    insert_rows(connection, "opening statements", "", into, statements.iter().map(row).collect()).await
}

/// The newest statement under each key.
pub(super) async fn fetch_heads(
    connection: &mut Connection,
    wanted: &BTreeSet<StatementKey>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    facts.statements.extend(wanted.iter().map(|key| (key.clone(), None)));
    let payees: BTreeSet<Uuid> = wanted.iter().map(|key| key.payee.id).collect();
    let periods: BTreeSet<&str> = wanted.iter().map(|key| key.period.as_str()).collect();
    // A few more rows than asked for may come back; the keys decide. Later ordinals come later and win.
    let mut sql = Sql::new(connection.dialect());
    sql.push(
        "SELECT s.id, s.ordinal, s.status, s.definition, s.payer_object, s.payer, s.payee_object, s.payee, s.period,
         s.currency FROM statement AS s WHERE ",
    );
    sql.any_of("s.payee", Datum::Ids(payees.into_iter().collect())).push(" AND ");
    sql.any_of("s.period", Datum::Texts(periods.into_iter().map(Into::into).collect())).push(" ORDER BY s.ordinal");
    let kinds = [
        Kind::Id,
        Kind::Int,
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Id,
        Kind::Text,
        Kind::Id,
        Kind::Text,
        Kind::Text,
    ];
    for row in connection.rows("reading newest statements", sql, &kinds).await? {
        let mut row = Columns::of("statement", row);
        let (id, ordinal, status) = (row.id()?, row.int()?, status(&mut row)?);
        let key = key(&mut row)?;
        let Some(head) = facts.statements.get_mut(&key) else { continue };
        match head {
            // A draft stays the one that takes lines, though a paper was issued after it was opened.
            Some(head) if head.status == StatementStatus::Draft && status != StatementStatus::Draft => {
                head.ordinal = ordinal;
            }
            head => *head = Some(StatementHead { id, ordinal, status }),
        }
    }
    Ok(())
}
