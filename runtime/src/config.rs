//! Configuration: what was written (flags, environment, `packwork.toml`) and what takes effect.
//! Flags win over the environment, the environment over the file, the file over the default.

use crate::auth::Secret;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What takes effect.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP listens. Default 127.0.0.1:8080 (`PACKWORK_LISTEN`).
    pub listen: SocketAddr,
    /// The folder of the embedded database. Default `./data` (`PACKWORK_DATA`).
    pub data: PathBuf,
    /// Address of a PostgreSQL database, used instead of the embedded one (`PACKWORK_DATABASE`).
    pub database: Option<Secret>,
    /// Packs from disk instead of those in the binary (`PACKWORK_PACKS_DIR`).
    pub packs_dir: Option<PathBuf>,
    /// Name of the tenant. Default `main` (`PACKWORK_TENANT`).
    pub tenant: String,
    /// IANA zone of a new tenant. Default `Asia/Shanghai` (`PACKWORK_TIME_ZONE`).
    pub time_zone: String,
    /// ISO 4217 code of a new tenant's own currency. Default `CNY` (`PACKWORK_CURRENCY`).
    pub currency: String,
    /// The folder of attachments. Default `attachments` in the data folder (`PACKWORK_ATTACHMENTS`).
    pub attachments: PathBuf,
    /// The largest attachment, in MiB. Default 20 (`PACKWORK_ATTACHMENT_MEGABYTES`).
    pub attachment_megabytes: u64,
}

/// What flags and environment say; each member may be left out.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Address to listen on
    #[arg(long, env = "PACKWORK_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Folder of the embedded database
    #[arg(long, env = "PACKWORK_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// PostgreSQL to use instead of the embedded database
    #[arg(long, env = "PACKWORK_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    pub database: Option<String>,
    /// Packs from this folder instead of those in the binary
    #[arg(long, env = "PACKWORK_PACKS_DIR", value_name = "DIR")]
    pub packs_dir: Option<PathBuf>,
    /// Configuration file (default ./packwork.toml where it exists)
    #[arg(long, env = "PACKWORK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What the file says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    database: Option<Secret>,
    packs_dir: Option<PathBuf>,
    tenant: Option<String>,
    time_zone: Option<String>,
    currency: Option<String>,
    attachments: Option<PathBuf>,
    attachment_megabytes: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("reading `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a configuration")]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
}

pub const LISTEN: &str = "127.0.0.1:8080";
/// Photos of a phone and scanned contracts fit, films do not.
const ATTACHMENT_MEGABYTES: u64 = 20;
const FILE: &str = "packwork.toml";

impl Config {
    /// Puts together what flags, environment and file say; `data` is the folder where none of them names one.
    pub fn load(flags: &Flags, data: &Path) -> Result<Config, Error> {
        let written = match &flags.config {
            Some(path) => Written::read(path)?,
            None if Path::new(FILE).is_file() => Written::read(Path::new(FILE))?,
            None => Written::default(),
        };
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let data = flags.data.clone().or(written.data).unwrap_or_else(|| data.to_owned());
        let attachments = variable("PACKWORK_ATTACHMENTS").map(PathBuf::from).or(written.attachments);
        let megabytes = variable("PACKWORK_ATTACHMENT_MEGABYTES").and_then(|text| text.parse().ok());
        Ok(Config {
            attachments: attachments.unwrap_or_else(|| data.join("attachments")),
            attachment_megabytes: megabytes.or(written.attachment_megabytes).unwrap_or(ATTACHMENT_MEGABYTES),
            listen: flags.listen.or(written.listen).unwrap_or_else(default_listen),
            data,
            database: flags.database.clone().map(Secret::new).or(written.database),
            packs_dir: flags.packs_dir.clone().or(written.packs_dir),
            tenant: variable("PACKWORK_TENANT").or(written.tenant).unwrap_or_else(|| "main".into()),
            time_zone: variable("PACKWORK_TIME_ZONE").or(written.time_zone).unwrap_or_else(|| "Asia/Shanghai".into()),
            currency: variable("PACKWORK_CURRENCY").or(written.currency).unwrap_or_else(|| "CNY".into()),
        })
    }
}

fn default_listen() -> SocketAddr {
    LISTEN.parse().expect("the default address is an address")
}

impl Written {
    fn read(path: &Path) -> Result<Written, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        toml::from_str(&text).map_err(|source| Error::Parse { path: path.into(), source: Box::new(source) })
    }
}
