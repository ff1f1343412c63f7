//! A throw-away PostgreSQL for tests: started once per test process, gone with it. `PACKWORK_TEST_POSTGRES` names a
//! server to use instead. Knows nothing of what the tests do with it.

use anyhow::{Context, Result, bail};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Connections of all tests that run at once; every store may take some.
const CONNECTIONS_MAX: u32 = 400;

/// The address of the server.
pub fn url() -> Result<String> {
    static STARTED: OnceLock<Result<String, String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| match std::env::var("PACKWORK_TEST_POSTGRES") {
        Ok(url) => Ok(url),
        Err(_) => start().map_err(|error| format!("{error:#}")),
    });
    started.clone().map_err(anyhow::Error::msg)
}

/// An empty database of its own on that server.
pub async fn fresh_database() -> Result<String> {
    static FRESH: AtomicU64 = AtomicU64::new(0);
    let server = tokio::task::spawn_blocking(url).await??;
    let name = format!("packwork_fresh_{}_{}", std::process::id(), FRESH.fetch_add(1, Ordering::SeqCst));
    execute(&server, &format!("CREATE DATABASE {name}")).await?;
    Ok(of_database(&server, &name))
}

/// The same server, another database.
pub fn of_database(server: &str, name: &str) -> String {
    let base = server.rsplit_once('/').map_or(server, |(base, _)| base);
    format!("{base}/{name}")
}

/// Runs one statement on a connection of its own.
pub async fn execute(server: &str, sql: &str) -> Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    connection.execute(AssertSqlSafe(sql.to_owned())).await.with_context(|| sql.to_owned())?;
    Ok(connection.close().await?)
}

/// A server of one test's own, which it may restart.
#[derive(Debug)]
pub struct Server {
    pub url: String,
    data: PathBuf,
    log: PathBuf,
    options: String,
    user: Option<String>,
}

/// The address of a server that keeps what it was told, for measurements: `PACKWORK_LOAD_POSTGRES`, or one of its own.
pub fn durable() -> Result<String> {
    std::env::var("PACKWORK_LOAD_POSTGRES").or_else(|_| Server::with("-c max_wal_size=4GB").map(|server| server.url))
}

/// The server all tests of a process share loses its last transactions with the machine, and nobody minds.
fn start() -> Result<String> {
    Server::with("-F -c full_page_writes=off -c synchronous_commit=off").map(|server| server.url)
}

impl Server {
    /// Starts a server that keeps what it said it has committed, even when it is stopped hard.
    pub fn start() -> Result<Server> {
        Server::with("-F")
    }

    /// Stops it, `fast` or `immediate`, and starts it again.
    pub fn restart(&self, how: &str) -> Result<()> {
        finish(program("pg_ctl", self.user.as_deref())?.args(["-D", path(&self.data)?, "-m", how, "-w", "stop"]))
            .context("pg_ctl stop")?;
        self.run()
    }

    fn run(&self) -> Result<()> {
        let start = ["-D", path(&self.data)?, "-l", path(&self.log)?, "-w", "-o", &self.options, "start"];
        finish(program("pg_ctl", self.user.as_deref())?.args(start)).context("pg_ctl start")
    }

    fn with(settings: &str) -> Result<Server> {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        let name = format!("packwork-postgres-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::SeqCst));
        let folder = std::env::temp_dir().join(name);
        let data = folder.join("data");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&data).context("making a folder for PostgreSQL")?;
        let user = throw_away_user()?;
        if let Some(user) = &user {
            finish(Command::new("chown").arg("-R").arg(user).arg(&folder)).context("giving the folder away")?;
        }
        let initdb =
            ["-D", path(&data)?, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
        finish(program("initdb", user.as_deref())?.args(initdb)).context("initdb")?;
        // Nobody else takes the port between here and the start, as far as one machine's tests go.
        let port = TcpListener::bind(("127.0.0.1", 0)).context("looking for a port")?.local_addr()?.port();
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c max_connections={CONNECTIONS_MAX} -c jit=off \
             -c shared_buffers=128MB {settings}",
            path(&folder)?
        );
        let log = folder.join("log");
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let server = Server { url, data, log, options, user };
        server.run()?;
        stop_with_this_process(&server.data, &folder, server.user.as_deref())?;
        Ok(server)
    }
}

/// PostgreSQL refuses to run as root: then somebody else has to.
fn throw_away_user() -> Result<Option<String>> {
    let id = Command::new("id").arg("-u").output().context("asking who this is")?;
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return Ok(None);
    }
    for user in ["postgres", "nobody"] {
        if Command::new("id").arg(user).output().is_ok_and(|found| found.status.success()) {
            return Ok(Some(user.to_owned()));
        }
    }
    bail!("there is no user to run PostgreSQL as")
}

/// One of PostgreSQL's programs, run by the given user.
fn program(name: &str, user: Option<&str>) -> Result<Command> {
    let path = found(name).with_context(|| format!("there is no `{name}`: install PostgreSQL"))?;
    Ok(match user {
        None => Command::new(path),
        Some(user) => {
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(path).current_dir("/");
            command
        }
    })
}

fn found(name: &str) -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    places.sort();
    places.reverse();
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    places.into_iter().map(|place| place.join(name)).find(|path| path.is_file())
}

/// A helper that waits until this process ends, however it ends, and then clears away.
fn stop_with_this_process(data: &Path, folder: &Path, user: Option<&str>) -> Result<()> {
    let script = "cat > /dev/null; \"$@\" > /dev/null 2>&1; rm -rf \"$0\"";
    let stop = program("pg_ctl", user)?;
    let mut helper = Command::new("setsid");
    helper.args(["sh", "-c", script]).arg(folder).arg(stop.get_program()).args(stop.get_args());
    helper.args(["-D", path(data)?, "-m", "immediate", "stop"]);
    let helper = helper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    // Its standard input stays open exactly as long as this process lives.
    std::mem::forget(helper.context("starting the helper that stops PostgreSQL")?);
    Ok(())
}

fn finish(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("the temporary folder has a name that is no text")
}
