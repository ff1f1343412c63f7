//! Where cases run through an application: the packs are installed once, and each case gets a copy that goes with it.

use super::served::Served;
use super::{On, installed_at};
use crate::app::{App, Start};
use crate::auth::{Secret, Token};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::files::Files as Attachments;
use crate::packs::install::{self, Progress, Seeds, Silent};
use crate::packs::signing::Trust;
use crate::packs::source::{Files, Source};
use crate::store::scratch::{self, Claim};
use crate::store::{Database, StoreError};
use packwork_engine::model::Settings;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;

/// The tenant cases run in.
const TENANT: &str = "main";
/// How the folders of cases begin.
const OF_CASES: &str = "packwork-cases";
/// Cases attach nothing large.
const ATTACHMENT_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("making a temporary folder")]
    Folder(#[source] io::Error),
    #[error("making a database for cases; the user of PostgreSQL needs the right to create databases")]
    Database(#[source] StoreError),
    #[error("installing the packs")]
    Install(#[source] Box<install::Error>),
}

/// A temporary folder that goes with its value; one that a killed process left goes with the next run.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Locked for as long as the process lives.
    _held: File,
}

/// The file whose lock says that a folder is in use.
const HELD: &str = ".held";

/// What a folder's name ends with until it is held.
const MAKING: &str = "new";
/// How often a folder is made anew when somebody takes it for abandoned before it is held.
const TRIES: usize = 5;

impl Folder {
    pub fn new(prefix: &str) -> io::Result<Folder> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Folder::make(prefix) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
                made => return made,
            }
        }
    }

    fn make(prefix: &str) -> io::Result<Folder> {
        let name: [u8; 8] = Entropy::system().bytes();
        let path = std::env::temp_dir().join(format!("{prefix}-{:016x}", u64::from_be_bytes(name)));
        let making = path.with_extension(MAKING);
        std::fs::create_dir_all(&making)?;
        let held = File::create(making.join(HELD))?;
        held.lock()?;
        std::fs::rename(&making, &path)?;
        Ok(Folder { path, _held: held })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders of that name whose process is gone; how many.
fn clear_abandoned_folders(prefix: &str) -> io::Result<usize> {
    let mut removed = 0;
    for entry in std::fs::read_dir(std::env::temp_dir())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let digits = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        let (digits, is_made) = match digits.strip_suffix(MAKING).and_then(|rest| rest.strip_suffix('.')) {
            Some(digits) => (digits, false),
            None => (digits, true),
        };
        if digits.len() != 16 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            continue;
        }
        // Another user's, or one that goes at this moment: left alone.
        let Ok(held) = File::open(entry.path().join(HELD)) else {
            // Whoever was making it ended before it could be held; it is empty then.
            removed += usize::from(!is_made && std::fs::remove_dir(entry.path()).is_ok());
            continue;
        };
        if held.try_lock().is_ok() && std::fs::remove_dir_all(entry.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Copies all that is in a folder.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_name() == HELD {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::create_dir_all(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A database to throw away; its folder holds attachments where the data is in PostgreSQL.
struct Place {
    database: Database,
    folder: Folder,
    /// Server and name of a database that has to be dropped.
    made: Option<(Secret, String)>,
    runtime: Handle,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.made
            && let Err(error) = self.runtime.block_on(scratch::drop_database(server, name))
        {
            tracing::warn!(database = %name, error = %crate::service::chain(&error), "a database of cases could not be dropped");
        }
    }
}

impl Place {
    fn new(on: &On, claim: Option<&Claim>, number: u64, template: Option<&Place>) -> Result<Place, Error> {
        let runtime = Handle::current();
        let folder = Folder::new(OF_CASES).map_err(Error::Folder)?;
        let (database, made) = match (on, claim) {
            (On::Postgres(server), Some(claim)) => {
                let name = claim.name(number);
                let like = template.and_then(|place| Some(place.made.as_ref()?.1.as_str()));
                let url = runtime.block_on(scratch::create_database(server, &name, like)).map_err(Error::Database)?;
                (Database::Postgres { url }, Some((server.clone(), name)))
            }
            _ => {
                if let Some(template) = template {
                    copy_folder(template.folder.path(), folder.path()).map_err(Error::Folder)?;
                }
                (Database::Sqlite { folder: folder.path().to_owned() }, None)
            }
        };
        Ok(Place { database, folder, made, runtime })
    }

    fn start(&self, packs: &[Files], token: Option<Token>, progress: &dyn Progress) -> Result<Started, Error> {
        let clock = Clock::test(installed_at());
        let start = App::start(Start {
            database: self.database.clone(),
            tenant: TENANT.into(),
            files: Attachments::new(self.folder.path().join("attachments"), ATTACHMENT_BYTES_MAX),
            settings: Settings::default(),
            packs: Source::Given(packs.to_vec()),
            trust: Trust::default(),
            seeds: Seeds::Product,
            clock,
            entropy: Entropy::system(),
            local_token: token,
            progress,
        });
        self.runtime.block_on(start).map_err(|error| Error::Install(Box::new(error)))
    }
}

/// Clears what killed runs have left, and claims names for this one.
fn claimed(server: &Secret) -> Result<Claim, Error> {
    let runtime = Handle::current();
    match runtime.block_on(scratch::clear_abandoned(server)) {
        Ok(0) => {}
        Ok(dropped) => tracing::warn!(dropped, "databases of cases that were interrupted are dropped"),
        // They are in nobody's way.
        Err(error) => {
            tracing::warn!(error = %crate::service::chain(&error), "databases of interrupted cases could not be dropped");
        }
    }
    let run: [u8; 6] = Entropy::system().bytes();
    runtime.block_on(Claim::new(server, &crate::auth::token::hex(&run))).map_err(Error::Database)
}

type Started = std::sync::Arc<App>;

/// A place in which the packs are installed and nobody works.
pub struct Ground {
    on: On,
    /// Whose databases these are, for the next run if this one is killed.
    claim: Option<Claim>,
    packs: Vec<Files>,
    template: Place,
    copies: AtomicU64,
}

impl Ground {
    /// Installs the packs.
    pub fn lay(on: &On, packs: Vec<Files>, progress: &dyn Progress) -> Result<Ground, Error> {
        match clear_abandoned_folders(OF_CASES) {
            Ok(0) => {}
            Ok(removed) => tracing::warn!(removed, "folders of cases that were interrupted are removed"),
            // They are in nobody's way.
            Err(error) => tracing::warn!(%error, "folders of interrupted cases could not be removed"),
        }
        let claim = match on {
            On::Postgres(server) => Some(claimed(server)?),
            On::Engine | On::Sqlite => None,
        };
        let template = Place::new(on, claim.as_ref(), 0, None)?;
        let app = template.start(&packs, None, progress)?;
        template.runtime.block_on(app.store.close());
        drop(app);
        if let Some((server, name)) = &template.made {
            template.runtime.block_on(scratch::seal(server, name)).map_err(Error::Database)?;
        }
        Ok(Ground { on: on.clone(), claim, packs, template, copies: AtomicU64::new(0) })
    }

    /// A copy with an application over it.
    pub fn world(&self) -> Result<Served, Error> {
        let number = self.copies.fetch_add(1, Ordering::SeqCst) + 1;
        let place = Place::new(&self.on, self.claim.as_ref(), number, Some(&self.template))?;
        let token = Token::from_bytes(Entropy::system().bytes());
        let app = place.start(&self.packs, Some(token.clone()), &Silent)?;
        Ok(Served::over(app, token, place.runtime.clone(), place))
    }
}
