//! Live reload for authors of packs: a folder is looked at again and again, and what was edited is in force a moment
//! later, or its findings are told and the former definitions stay. Only where a server was given a folder of packs.

use super::install::{self, Seeds, Silent};
use super::source::{Files, Source};
use crate::app::App;
use crate::service::{self, chain};
use crate::store::StoreError;
use packwork_engine::diagnostic::{Diagnostic, Severity};
use packwork_engine::pack::{places, text_of};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::watch;

/// How often the folder is looked at. A change counts once it has stood still for one look: editors write in pieces.
const EVERY: Duration = Duration::from_millis(200);

/// What came of the last look that saw a change.
#[derive(Clone, Debug, Default)]
pub struct Reload {
    /// Counts the reloads; 0 is the start.
    pub number: u64,
    /// Whether anybody looks at all.
    pub watching: bool,
    /// Why the folder is not in force; none where it is.
    pub refused: Option<Refused>,
}

#[derive(Clone, Debug)]
pub struct Refused {
    pub detail: String,
    /// With lines and columns, in the order of the files.
    pub findings: Vec<Diagnostic>,
}

/// Where an application keeps it.
#[derive(Debug)]
pub struct Reloads(watch::Sender<Reload>);

impl Default for Reloads {
    fn default() -> Self {
        Reloads(watch::Sender::new(Reload::default()))
    }
}

impl Reloads {
    pub fn now(&self) -> Reload {
        self.0.borrow().clone()
    }

    /// The first state after a number, else the present one when patience ends.
    pub async fn after(&self, number: u64, patience: Duration) -> Reload {
        let mut following = self.0.subscribe();
        let _ = tokio::time::timeout(patience, following.wait_for(|reload| reload.number > number)).await;
        self.now()
    }

    fn tell(&self, refused: Option<Refused>) {
        self.0.send_modify(|reload| {
            reload.number += 1;
            reload.refused = refused;
        });
    }
}

/// Length and time of change of every file.
type Marks = BTreeMap<PathBuf, (u64, u128)>;

fn marks(folder: &Path) -> io::Result<Marks> {
    fn collect(folder: &Path, marks: &mut Marks) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                collect(&path, marks)?;
            } else {
                let about = entry.metadata()?;
                let changed = about.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
                marks.insert(path, (about.len(), changed));
            }
        }
        Ok(())
    }
    let mut marks = Marks::new();
    collect(folder, &mut marks)?;
    Ok(marks)
}

/// The folder as it stands; none while files come and go under the look.
async fn look(folder: &Path) -> Option<Marks> {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || marks(&folder)).await.ok()?.ok()
}

/// Watches the folder the application's packs come from, and tells `told` what came of every change. Runs until the task
/// is dropped; never ready where packs do not come from a folder. From this call on the application says that somebody
/// looks, before the first look: nobody who asks a server that answers is told otherwise.
pub fn keep(app: Arc<App>, told: impl Fn(&Reload)) -> impl Future<Output = ()> {
    let folder = match &app.source {
        Source::Folder(folder) => Some(folder.clone()),
        _ => None,
    };
    app.reloads.0.send_modify(|reload| reload.watching = folder.is_some());
    async move {
        match folder {
            Some(folder) => follow(app, folder, told).await,
            None => std::future::pending().await,
        }
    }
}

async fn follow(app: Arc<App>, folder: PathBuf, told: impl Fn(&Reload)) {
    // What changed while the packs were installed is seen at the first look.
    let mut in_force: Option<Marks> = None;
    let mut before: Option<Marks> = None;
    loop {
        let now = look(&folder).await;
        let settled = now.is_some() && now == before;
        if settled && in_force != now {
            let first = in_force.is_none();
            let changed = reload(&app, first).await;
            in_force.clone_from(&now);
            if changed {
                told(&app.reloads.now());
            }
        }
        before = now;
        tokio::time::sleep(EVERY).await;
    }
}

/// Brings the folder into force; whether there was anything to tell.
async fn reload(app: &Arc<App>, first: bool) -> bool {
    let version = app.in_force().number;
    let refused = match bring_into_force(app).await {
        Ok(()) => None,
        Err(install::Error::Definitions(found)) => Some(located(app, found)),
        Err(install::Error::Store(StoreError::Refused(refusal))) => {
            Some(Refused { detail: format!("{} ({})", refusal.detail, refusal.code), findings: Vec::new() })
        }
        Err(install::Error::Service(service::Error::Refused(refusal))) => {
            Some(Refused { detail: format!("{} ({})", refusal.detail, refusal.code), findings: Vec::new() })
        }
        Err(install::Error::UnderWay(refusal)) => {
            let told: Vec<&str> = refusal.errors.iter().map(|error| error.message.as_str()).collect();
            Some(Refused { detail: format!("{} ({})", told.join("; "), refusal.code), findings: Vec::new() })
        }
        Err(error) => Some(Refused { detail: chain(&error), findings: Vec::new() }),
    };
    if first && refused.is_none() && app.in_force().number == version {
        return false;
    }
    app.reloads.tell(refused);
    true
}

async fn bring_into_force(app: &Arc<App>) -> Result<(), install::Error> {
    let _publishing = app.publishing.lock().await;
    app.catch_up().await?;
    let next = install::bring_into_force(&app.store, &app.source, &app.settings, app.clock.now()).await?;
    app.put_in_force(next);
    app.jobs.added();
    install::install(app, Seeds::Product, &Silent).await
}

/// The errors with their lines and columns.
fn located(app: &App, found: Vec<Diagnostic>) -> Refused {
    let mut findings: Vec<Diagnostic> =
        found.into_iter().filter(|finding| finding.severity == Severity::Error).collect();
    let packs: BTreeMap<String, Files> = match app.source.read() {
        Ok(packs) => packs.into_iter().map(|files| (super::source::name_of(&files), files)).collect(),
        Err(_) => BTreeMap::new(),
    };
    places::locate(&mut findings, |file| {
        let (pack, inside) = file.split_once('/').unwrap_or(("", file));
        packs.get(pack)?.get(inside).and_then(|bytes| text_of(bytes).ok())
    });
    Refused {
        detail: format!("the packs have {} error(s); the former definitions stay in force", findings.len()),
        findings,
    }
}
