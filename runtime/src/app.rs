//! The application put together: one tenant's store and model, a clock, a source of randomness. Services work on it;
//! HTTP and the command line hold it.

use crate::auth::token::hex;
use crate::auth::{Secret, SignInLimiter, Token};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::files::Files;
use crate::jobs::Jobs;
use crate::packs::install::{self, Progress, Seeds};
use crate::packs::shelf::InForce;
use crate::packs::signing::Trust;
use crate::packs::source::Source;
use crate::packs::watch::Reloads;
use crate::service::records::cursor::Sealer;
use crate::service::scripts::tally::Tally;
use crate::service::session::callers::Callers;
use crate::service::{Answer, changes};
use crate::store::{Database, Scope, Store};
use crate::together::Together;
use arc_swap::ArcSwap;
use packwork_engine::expr::Watch;
use packwork_engine::model::{Model, Settings};
use std::sync::Arc;

/// Everything a request needs. Shared by all of them.
pub struct App {
    pub store: Store,
    pub clock: Clock,
    pub entropy: Entropy,
    pub sign_ins: SignInLimiter,
    /// The bytes of attachments.
    pub files: Files,
    pub callers: Callers,
    /// This process's part in long work; see [`crate::jobs::start`].
    pub jobs: Arc<Jobs>,
    pub cursors: Sealer,
    /// Lets the command line on this machine act as the system.
    pub local_token: Option<Token>,
    pub settings: Settings,
    /// Where this process reads packs from.
    pub source: Source,
    /// Whose packs may be brought into the tenant.
    pub trust: Trust,
    /// What became of edits in the folder of packs, where there is one.
    pub reloads: Reloads,
    /// One publication at a time in this process; the store keeps those of others apart.
    pub publishing: tokio::sync::Mutex<()>,
    /// What the scripts of this process cost, until it is written down.
    pub scripts: Arc<Tally>,
    in_force: ArcSwap<InForce>,
    /// The newest version there is, where other processes may publish.
    newest: Together,
}

/// What an application is started with.
pub struct Start<'a> {
    pub database: Database,
    pub tenant: String,
    pub files: Files,
    pub settings: Settings,
    pub packs: Source,
    pub trust: Trust,
    pub seeds: Seeds,
    pub clock: Clock,
    pub entropy: Entropy,
    pub local_token: Option<Token>,
    pub progress: &'a dyn Progress,
}

impl App {
    /// Opens the data, compiles the packs, brings them into force, installs what they bring along.
    pub async fn start(start: Start<'_>) -> Result<Arc<App>, install::Error> {
        let store = Store::open(&start.database, &start.tenant).await?;
        let in_force = install::bring_into_force(&store, &start.packs, &start.settings, start.clock.now()).await?;
        let holder = start.entropy.uuid(start.clock.now());
        let fresh = Secret::new(hex(&start.entropy.bytes::<32>()));
        let scripts = Arc::new(Tally::new(start.clock.clone()));
        in_force.model.watch(&(scripts.clone() as Arc<dyn Watch>));
        let key = store.secret(&Scope::system(&start.tenant), "cursor", &fresh).await?;
        let app = Arc::new(App {
            cursors: Sealer::new(key.expose().as_bytes()),
            store,
            jobs: Arc::new(Jobs::new(holder)),
            clock: start.clock,
            entropy: start.entropy,
            sign_ins: SignInLimiter::default(),
            files: start.files,
            callers: Callers::default(),
            local_token: start.local_token,
            settings: start.settings,
            source: start.packs,
            trust: start.trust,
            reloads: Reloads::default(),
            publishing: tokio::sync::Mutex::new(()),
            scripts,
            in_force: ArcSwap::new(Arc::new(in_force)),
            newest: Together::default(),
        });
        install::install(&app, start.seeds, start.progress).await?;
        crate::service::settlement::run::give_up_abandoned(&app).await?;
        Ok(app)
    }

    /// The definitions in force. Take it once per use case, so that all of it sees the same.
    pub fn model(&self) -> Arc<Model> {
        self.in_force.load().model.clone()
    }

    /// The definitions in force with the packs and changes they are made of.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// From now on every use case works with these definitions, unless newer ones are in force already.
    pub fn put_in_force(&self, next: InForce) {
        next.model.watch(&(self.scripts.clone() as Arc<dyn Watch>));
        let next = Arc::new(next);
        self.in_force.rcu(|now| if next.number >= now.number { next.clone() } else { now.clone() });
    }

    /// Takes over what another process has published. A single process of its tenant has nothing to ask.
    pub async fn catch_up(self: &Arc<App>) -> Answer<()> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let newest = self.newest.read(|| async { self.store.version_number(&self.system()).await }).await?;
        if newest <= self.in_force.load().number {
            return Ok(());
        }
        if let Some(next) = changes::apply::load(self, None).await? {
            self.put_in_force(next);
        }
        Ok(())
    }

    /// Waits for a publication of this process that has been written but is not worked with yet.
    pub async fn published(&self) {
        drop(self.publishing.lock().await);
    }

    /// The system itself: jobs, seeds, the command line.
    pub fn system(&self) -> Scope {
        Scope::system(self.store.tenant())
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("App").field("tenant", &self.store.tenant()).finish_non_exhaustive()
    }
}
