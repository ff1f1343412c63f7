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
    /// The list of those whose signed packs may be applied (`[packs] trust`, `PACKWORK_TRUST`).
    pub trust: Option<PathBuf>,
    /// Whether packs without a signature are refused (`[packs] signed_only`, `PACKWORK_SIGNED_ONLY`). Default no.
    pub signed_only: bool,
    /// Name of the tenant. Default `main` (`PACKWORK_TENANT`).
    pub tenant: String,
    /// IANA zone of a new tenant. Default `Asia/Shanghai` (`PACKWORK_TIME_ZONE`).
    pub time_zone: String,
    /// ISO 4217 code of a new tenant's own currency. Default `CNY` (`PACKWORK_CURRENCY`).
    pub currency: String,
    /// The folder of attachments. Default `attachments` in the data folder (`PACKWORK_ATTACHMENTS`).
    pub attachments: PathBuf,
    /// The bucket of attachments, instead of the folder (`PACKWORK_S3_BUCKET` and those beside it).
    pub s3: Option<S3>,
    /// The largest attachment, in MiB. Default 20 (`PACKWORK_ATTACHMENT_MEGABYTES`).
    pub attachment_megabytes: u64,
}

/// A bucket of Amazon S3, or of what speaks like it.
#[derive(Clone, Debug)]
pub struct S3 {
    /// Name of the bucket (`PACKWORK_S3_BUCKET`).
    pub bucket: String,
    /// Address of what is not Amazon's own, such as `http://127.0.0.1:9000` (`PACKWORK_S3_ENDPOINT`). The bucket is then a
    /// part of the path.
    pub endpoint: Option<String>,
    /// Default `us-east-1` (`PACKWORK_S3_REGION`).
    pub region: String,
    /// Stands before every name in the bucket; the tenant's name follows (`PACKWORK_S3_PREFIX`).
    pub prefix: String,
    /// Access key and secret (`PACKWORK_S3_ACCESS_KEY`, `PACKWORK_S3_SECRET_KEY`); without them the machine's own role.
    pub keys: Option<(String, Secret)>,
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
    /// Name of the tenant (default main)
    #[arg(long, env = "PACKWORK_TENANT", value_name = "NAME")]
    pub tenant: Option<String>,
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
    s3: WrittenS3,
    packs: WrittenPacks,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenPacks {
    trust: Option<PathBuf>,
    signed_only: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenS3 {
    bucket: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    prefix: Option<String>,
    access_key: Option<String>,
    secret_key: Option<Secret>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("reading `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a configuration")]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("the S3 access key and its secret belong together; one of them is missing")]
    HalfAKey,
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
        let s3 = written.s3.effective(&variable)?;
        Ok(Config {
            s3,
            attachments: attachments.unwrap_or_else(|| data.join("attachments")),
            attachment_megabytes: megabytes.or(written.attachment_megabytes).unwrap_or(ATTACHMENT_MEGABYTES),
            listen: flags.listen.or(written.listen).unwrap_or_else(default_listen),
            data,
            database: flags.database.clone().map(Secret::new).or(written.database),
            packs_dir: flags.packs_dir.clone().or(written.packs_dir),
            trust: variable("PACKWORK_TRUST").map(PathBuf::from).or(written.packs.trust),
            signed_only: match variable("PACKWORK_SIGNED_ONLY") {
                Some(text) => text != "0" && text != "false",
                None => written.packs.signed_only,
            },
            tenant: flags
                .tenant
                .clone()
                .or_else(|| variable("PACKWORK_TENANT"))
                .or(written.tenant)
                .unwrap_or_else(|| "main".into()),
            time_zone: variable("PACKWORK_TIME_ZONE").or(written.time_zone).unwrap_or_else(|| "Asia/Shanghai".into()),
            currency: variable("PACKWORK_CURRENCY").or(written.currency).unwrap_or_else(|| "CNY".into()),
        })
    }
}

fn default_listen() -> SocketAddr {
    LISTEN.parse().expect("the default address is an address")
}

impl WrittenS3 {
    /// A bucket is what makes it one: nothing else counts without its name.
    fn effective(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<S3>, Error> {
        let Some(bucket) = variable("PACKWORK_S3_BUCKET").or(self.bucket) else { return Ok(None) };
        let key = variable("PACKWORK_S3_ACCESS_KEY").or(self.access_key);
        let secret = variable("PACKWORK_S3_SECRET_KEY").map(Secret::new).or(self.secret_key);
        let keys = match (key, secret) {
            (Some(key), Some(secret)) => Some((key, secret)),
            (None, None) => None,
            _ => return Err(Error::HalfAKey),
        };
        Ok(Some(S3 {
            bucket,
            endpoint: variable("PACKWORK_S3_ENDPOINT").or(self.endpoint),
            region: variable("PACKWORK_S3_REGION").or(self.region).unwrap_or_else(|| "us-east-1".into()),
            prefix: variable("PACKWORK_S3_PREFIX").or(self.prefix).unwrap_or_default(),
            keys,
        }))
    }
}

impl Written {
    fn read(path: &Path) -> Result<Written, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        toml::from_str(&text).map_err(|source| Error::Parse { path: path.into(), source: Box::new(source) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_written_or_set_and_its_secret_does_not_print() {
        let written: Written = toml::from_str(
            "[s3]\nbucket = \"papers\"\nendpoint = \"http://127.0.0.1:9000\"\naccess_key = \"AK\"\nsecret_key = \"quiet\"",
        )
        .expect("it is a configuration");
        let none = |_: &str| None;
        let s3 = written.s3.clone().effective(&none).expect("it is whole").expect("there is a bucket");
        assert_eq!((&*s3.bucket, &*s3.region, &*s3.prefix), ("papers", "us-east-1", ""));
        assert!(!format!("{written:?} {s3:?}").contains("quiet"));
        let set = |name: &str| (name == "PACKWORK_S3_BUCKET").then(|| "other".to_owned());
        let s3 = written.s3.effective(&set).expect("it is whole").expect("there is a bucket");
        assert_eq!(s3.bucket, "other");
        assert!(WrittenS3::default().effective(&none).expect("nothing is wrong").is_none());
        let half = |name: &str| matches!(name, "PACKWORK_S3_BUCKET" | "PACKWORK_S3_ACCESS_KEY").then(|| "x".to_owned());
        assert!(matches!(WrittenS3::default().effective(&half), Err(Error::HalfAKey)));
    }
}
