//! Where a server of these tests keeps its data, the packs it runs, and a look at its tables from outside.

use packwork::entropy::Entropy;
use packwork_tests::postgres;
use packwork_tests::process::Launch;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_packwork-tested");

/// Folder and database of one server; the folder goes with the test.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) database: Option<String>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    pub(crate) fn sqlite() -> Place {
        let name: [u8; 8] = Entropy::system().bytes();
        let folder = std::env::temp_dir().join(format!("packwork-fault-{:016x}", u64::from_be_bytes(name)));
        std::fs::create_dir_all(&folder).expect("a test may write to the temporary folder");
        Place { folder, database: None }
    }

    pub(crate) fn postgres() -> Place {
        let database = block_on(postgres::fresh_database()).expect("PostgreSQL makes a database");
        let mut place = Place::sqlite();
        place.database = Some(database);
        place
    }

    pub(crate) fn launch(&self) -> Launch<'_> {
        Launch { binary: Path::new(BINARY), data: &self.folder, packs: packs(), database: self.database.as_deref() }
    }

    /// Runs a command of the binary to its end, on this place.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(BINARY);
        command.args(arguments).arg("--data").arg(&self.folder).arg("--packs-dir").arg(packs());
        command.env_remove("PACKWORK_DATABASE").env("PACKWORK_LOG", "error");
        if let Some(database) = &self.database {
            command.env("PACKWORK_DATABASE", database);
        }
        command.output().expect("the binary runs")
    }

    /// The folder of packs these places work with.
    pub(crate) fn packs(&self) -> &'static str {
        packs().to_str().expect("the temporary folder has a name that is text")
    }

    /// Another place of the same database, where nothing is yet: not even the folder.
    pub(crate) fn beside(&self) -> Place {
        let mut place = if self.database.is_some() { Place::postgres() } else { Place::sqlite() };
        place.folder = place.folder.join("restored");
        place
    }

    /// Changes what is stored behind the product's back.
    pub(crate) fn tamper(&self, statements: &str) {
        let sql = AssertSqlSafe(statements.to_owned());
        block_on(async {
            match &self.database {
                None => {
                    let file = self.folder.join("tenants/main.db");
                    let options = SqliteConnectOptions::new().filename(file).foreign_keys(false);
                    let mut connection = SqliteConnection::connect_with(&options).await?;
                    connection.execute(sqlx::raw_sql(sql)).await?;
                    connection.close().await
                }
                Some(url) => {
                    let mut connection = PgConnection::connect(url).await?;
                    let open = "SET search_path TO t_main; SET session_replication_role TO replica";
                    connection.execute(sqlx::raw_sql(open)).await?;
                    connection.execute(sqlx::raw_sql(sql)).await?;
                    connection.close().await
                }
            }
        })
        .expect("the tables can be changed");
    }

    /// The one number a query gives.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        block_on(async {
            match &self.database {
                None => {
                    let options = SqliteConnectOptions::new().filename(self.folder.join("tenants/main.db"));
                    let mut connection = SqliteConnection::connect_with(&options).await?;
                    sqlx::query(sql).fetch_one(&mut connection).await?.try_get(0)
                }
                Some(url) => {
                    let mut connection = PgConnection::connect(url).await?;
                    connection.execute("SET search_path TO t_main").await?;
                    sqlx::query(sql).fetch_one(&mut connection).await?.try_get(0)
                }
            }
        })
        .expect("the tables can be asked")
    }
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a test may start a runtime").block_on(work)
}

/// The pack `base` without its records, and one with the object these tests write.
pub(crate) fn packs() -> &'static Path {
    static PACKS: OnceLock<PathBuf> = OnceLock::new();
    PACKS.get_or_init(|| packs_with("parcels"))
}

/// The pack `base` without its records, and one of those beside this file, in a folder of their own.
pub(crate) fn packs_with(own: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name: [u8; 8] = Entropy::system().bytes();
    let unique = format!("packwork-fault-packs-{own}-{:016x}", u64::from_be_bytes(name));
    let folder = std::env::temp_dir().join(unique);
    for (from, to) in [(here.join("../packs/base"), "base"), (here.join("all/faults").join(own), own)] {
        copy(&from, &folder.join(to)).expect("packs can be copied");
    }
    folder
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            std::fs::copy(entry.path(), target)?;
        } else if !["seed", "demo", "cases"].iter().any(|left_out| entry.file_name() == *left_out) {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}
