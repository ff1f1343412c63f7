//! The prepared month and its copies: data folders with a SQLite file each, or databases of a PostgreSQL server. Both
//! go with the measurement.

use crate::part::{self, Folder};
use anyhow::Result;
use packwork_tests::postgres;

/// The month as it was prepared.
const BASE: &str = "base";
pub const PRODUCT: &str = "product";
pub const HAND: &str = "hand";
pub const PHASES: &str = "phases";

pub enum Copies {
    Sqlite(Folder),
    /// The address of the server.
    Postgres(String),
}

impl Copies {
    /// Of `sqlite` or `postgres`.
    pub fn of(database: &str) -> Result<Copies> {
        match database {
            "sqlite" => Ok(Copies::Sqlite(Folder::new()?)),
            _ => Ok(Copies::Postgres(postgres::durable()?)),
        }
    }

    /// An empty place to prepare the month in.
    pub async fn base(&self) -> Result<String> {
        if let Copies::Postgres(server) = self {
            postgres::execute(server, &format!("CREATE DATABASE {}", name(BASE))).await?;
        }
        self.at(BASE)
    }

    /// A fresh copy of what was prepared; an earlier one of that name goes. It is on the disk when this returns.
    pub async fn fresh(&self, of: &str) -> Result<String> {
        match self {
            Copies::Sqlite(folder) => part::copy(&folder.0.join(BASE), &folder.0.join(of))?,
            Copies::Postgres(server) => {
                drop_database(server, of).await?;
                // Copying files begins and ends with a checkpoint, which then is nobody's who is measured.
                let text = format!("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name(of), name(BASE));
                postgres::execute(server, &text).await?;
            }
        }
        self.at(of)
    }

    /// Where a copy is: a folder, or an address.
    pub fn at(&self, of: &str) -> Result<String> {
        match self {
            Copies::Sqlite(folder) => Ok(part::text(&folder.0.join(of))?.to_owned()),
            Copies::Postgres(server) => Ok(postgres::of_database(server, &name(of))),
        }
    }

    pub async fn clear(self) -> Result<()> {
        if let Copies::Postgres(server) = &self {
            for of in [PRODUCT, HAND, PHASES, BASE] {
                drop_database(server, of).await?;
            }
        }
        Ok(())
    }
}

fn name(of: &str) -> String {
    format!("packwork_load_{}_{of}", std::process::id())
}

async fn drop_database(server: &str, of: &str) -> Result<()> {
    postgres::execute(server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", name(of))).await
}
