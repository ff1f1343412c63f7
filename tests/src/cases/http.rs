//! A test's application as a world for cases: the product's own, over a copy of what is installed once per process.

use crate::app::{Industry, On, TestApp};
use packwork::packs::cases::installed_at;
use packwork::packs::cases::served::Served;
use std::sync::OnceLock;
use tokio::runtime::Runtime;

/// The threads all applications of the process run on.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a test may start threads"))
}

/// An application in which the packs are installed, and nothing has happened yet.
pub fn world(on: On) -> Served {
    world_with(on, &[])
}

/// The same with industry packs.
pub fn world_with(on: On, industry: Industry) -> Served {
    // The cause of a failure is in the log only.
    packwork::telemetry::start("error");
    let test = runtime().block_on(TestApp::with(on, installed_at(), industry));
    Served::over(test.app.clone(), test.local.clone(), runtime().handle().clone(), test)
}
