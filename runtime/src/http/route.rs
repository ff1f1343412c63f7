//! One table of routes: the router, the OpenAPI document and the access test are made from it.

use super::gate;
use crate::app::App;
use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use std::sync::Arc;
use std::time::Duration;

/// Who may call a route at all. What they may do there is the service's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Anyone,
    SignedIn,
}

/// How long a request may take before it is answered with `unavailable`: longer than the slowest list, shorter
/// than what people wait for.
const USUAL: Duration = Duration::from_secs(30);
/// Settlement runs over a month of a large tenant take minutes.
const LONG: Duration = Duration::from_secs(1_800);

/// One route.
pub struct Route {
    pub method: Method,
    /// Path inside the base, with `{name}` for parameters.
    pub path: &'static str,
    pub access: Access,
    pub tag: &'static str,
    pub summary: &'static str,
    /// Names in the components of the OpenAPI document; empty for none.
    pub body: &'static str,
    pub answer: &'static str,
    pub query: &'static [&'static str],
    pub patience: Duration,
    /// It is one command: refused, it has done nothing, and may be sent again.
    pub one_command: bool,
    handler: MethodRouter<Arc<App>>,
}

/// Starts a route; a table reads best as `route(GET, "/me", handler).answers("Me", "who is signed in")`.
pub fn route<H, T>(method: Method, path: &'static str, tag: &'static str, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).expect("routes use the common methods");
    Route {
        method,
        path,
        access: Access::SignedIn,
        tag,
        summary: "",
        body: "",
        answer: "",
        query: &[],
        patience: USUAL,
        one_command: false,
        handler: on(filter, handler),
    }
}

impl Route {
    pub fn answers(mut self, answer: &'static str, summary: &'static str) -> Route {
        self.answer = answer;
        self.summary = summary;
        self
    }

    pub fn takes(mut self, body: &'static str) -> Route {
        self.body = body;
        self
    }

    pub fn query(mut self, names: &'static [&'static str]) -> Route {
        self.query = names;
        self
    }

    pub fn for_anyone(mut self) -> Route {
        self.access = Access::Anyone;
        self
    }

    pub fn one_command(mut self) -> Route {
        self.one_command = true;
        self
    }

    pub fn long(mut self) -> Route {
        self.patience = LONG;
        self
    }
}

/// Adds routes to a router, each behind its own guard.
pub fn mount(router: Router<Arc<App>>, routes: Vec<Route>) -> Router<Arc<App>> {
    routes.into_iter().fold(router, |router, route| {
        let guard = gate::Guard { access: route.access, patience: route.patience, one_command: route.one_command };
        router.route(route.path, route.handler.layer(axum::middleware::from_fn_with_state(guard, gate::guard)))
    })
}
