//! The application put together: one tenant's store and model, a clock, a source of randomness. Services work on it;
//! HTTP and the command line hold it.

use crate::auth::token::hex;
use crate::auth::{Secret, SignInLimiter, Token};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::files::Files;
use crate::jobs::Jobs;
use crate::packs::install::{self, Progress, Seeds};
use crate::packs::source::Source;
use crate::service::records::cursor::Sealer;
use crate::store::{Database, Scope, Store};
use arc_swap::ArcSwap;
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
    /// This process's part in long work; see [`crate::jobs::start`].
    pub jobs: Arc<Jobs>,
    pub cursors: Sealer,
    /// Lets the command line on this machine act as the system.
    pub local_token: Option<Token>,
    model: ArcSwap<Model>,
}

/// What an application is started with.
pub struct Start<'a> {
    pub database: Database,
    pub tenant: String,
    pub files: Files,
    pub settings: Settings,
    pub packs: Source,
    pub seeds: Seeds,
    pub clock: Clock,
    pub entropy: Entropy,
    pub local_token: Option<Token>,
    pub progress: &'a dyn Progress,
}

impl App {
    /// Opens the data, compiles the packs, makes the tables, installs what the packs bring along.
    pub async fn start(start: Start<'_>) -> Result<Arc<App>, install::Error> {
        let model = Arc::new(install::compile(&start.packs, &start.settings)?);
        let store = Store::open(&start.database, &start.tenant).await?;
        let holder = start.entropy.uuid(start.clock.now());
        let fresh = Secret::new(hex(&start.entropy.bytes::<32>()));
        let key = store.secret(&Scope::system(&start.tenant), "cursor", &fresh).await?;
        let app = Arc::new(App {
            cursors: Sealer::new(key.expose().as_bytes()),
            store,
            jobs: Arc::new(Jobs::new(holder)),
            clock: start.clock,
            entropy: start.entropy,
            sign_ins: SignInLimiter::default(),
            files: start.files,
            local_token: start.local_token,
            model: ArcSwap::new(model),
        });
        install::install(&app, start.seeds, start.progress).await?;
        crate::service::settlement::run::give_up_abandoned(&app).await?;
        Ok(app)
    }

    /// The definitions in force. Take it once per use case, so that all of it sees the same.
    pub fn model(&self) -> Arc<Model> {
        self.model.load_full()
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
