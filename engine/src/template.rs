//! Text templates: minijinja without files, with undefined names refused and work bounded.

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use std::sync::OnceLock;

/// Steps a template may take: sentences are short.
const FUEL: u64 = 10_000;

/// Renders a template of our own. A template that is wrong shows its error instead of hiding it.
pub fn render<P: Serialize>(template: &str, params: P) -> String {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment
    });
    environment.render_str(template, minijinja::value::Serde(params)).unwrap_or_else(|error| format!("{error}"))
}
