//! What is done once: installed packs and seeded records.

use super::apply::insert_rows;
use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledPack {
    pub name: Name,
    pub version: String,
    pub hash: String,
    pub installed_at: Moment,
}

impl Store {
    pub async fn installed_packs(&self, scope: &Scope) -> Result<Vec<InstalledPack>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT name, version, hash, installed_at FROM installed_pack ORDER BY name";
        let sql = Sql::of(connection.dialect(), text, vec![]);
        let kinds = [Kind::Text, Kind::Text, Kind::Text, Kind::Int];
        let read = |row| {
            let mut row = Columns::of("installed_pack", row);
            Ok(InstalledPack {
                name: row.text()?,
                version: row.text()?.to_string(),
                hash: row.text()?.to_string(),
                installed_at: row.moment()?,
            })
        };
        connection.rows("listing packs", sql, &kinds).await?.into_iter().map(read).collect()
    }

    /// Replaces the list of installed packs.
    pub async fn set_installed_packs(&self, scope: &Scope, packs: &[InstalledPack]) -> Result<(), StoreError> {
        self.check(scope)?;
        let rows: Vec<Vec<Datum>> = packs
            .iter()
            .map(|pack| {
                vec![
                    Datum::Text(pack.name.clone()),
                    Datum::text(&pack.version),
                    Datum::text(&pack.hash),
                    Datum::Int(pack.installed_at.micros()),
                ]
            })
            .collect();
        self.transact(Locks::key("installed packs"), move |connection| {
            let rows = rows.clone();
            Box::pin(async move {
                let doing = "writing packs";
                let clear = Sql::of(connection.dialect(), "DELETE FROM installed_pack", vec![]);
                connection.execute(doing, clear).await?;
                insert_rows(connection, doing, "", "installed_pack (name, version, hash, installed_at)", rows).await?;
                Ok(End::Keep(()))
            })
        })
        .await
    }

    /// The keys of a seed's records that are done.
    pub async fn seed_marks(&self, scope: &Scope, seed: &str) -> Result<BTreeSet<String>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT record_key FROM seed_mark WHERE seed = ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::text(seed)]);
        let rows = connection.rows("reading seed marks", sql, &[Kind::Text]).await?;
        rows.into_iter().map(|row| Ok(Columns::of("seed_mark", row).text()?.to_string())).collect()
    }

    /// Marks records of a seed as done; marking twice changes nothing.
    pub async fn mark_seeded(&self, scope: &Scope, seed: &str, keys: &[String], at: Moment) -> Result<(), StoreError> {
        self.check(scope)?;
        let (seed, keys) = (seed.to_owned(), keys.to_vec());
        self.transact(Locks::default(), move |connection| {
            let (seed, keys) = (seed.clone(), keys.clone());
            Box::pin(async move {
                for key in &keys {
                    let sql = Sql::of(
                        connection.dialect(),
                        "INSERT INTO seed_mark (seed, record_key, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                        vec![Datum::text(&seed), Datum::text(key), Datum::Int(at.micros())],
                    );
                    connection.execute("marking seeds", sql).await?;
                }
                Ok(End::Keep(()))
            })
        })
        .await
    }
}
