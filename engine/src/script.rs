//! Scripts: expressions that loop or reach further than their own record. What they may reach is asked for by their pack
//! and granted by an administrator, who can also stop each of them; what they cost is told to whoever watches.
//!
//! Must not know: clocks, tables, who may grant.

use crate::codes::Code;
use crate::definition::Kind;
use crate::expr::{Expr, ExprError, Watch};
use crate::layers::TENANT;
use crate::model::Model;
use crate::moment::Moment;
use crate::record::Name;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Something a script can do only where its pack was given leave to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Reads records that its own record does not refer to: `lookup`.
    Records,
}

impl Capability {
    pub const ALL: &[Capability] = &[Capability::Records];

    pub fn as_str(self) -> &'static str {
        match self {
            Capability::Records => "records",
        }
    }

    pub fn named(name: &str) -> Option<Capability> {
        Capability::ALL.iter().copied().find(|known| known.as_str() == name)
    }

    /// The functions that need it.
    pub fn functions(self) -> &'static [&'static str] {
        match self {
            Capability::Records => &["lookup"],
        }
    }

    /// What whoever grants it is told.
    pub fn title(self, locale: &str) -> &'static str {
        match (self, locale.starts_with("zh")) {
            (Capability::Records, true) => "读取任意对象的记录，不受使用者查看权限的限制",
            (Capability::Records, false) => "read records of any object, whatever the user may see",
        }
    }
}

/// One script of a model.
#[derive(Clone, Debug)]
pub struct Script {
    /// Who wrote it; `tenant` for the tenant itself.
    pub pack: Name,
    pub kind: Kind,
    pub name: Name,
    /// The name path of the expression inside its definition.
    pub path: String,
    pub expr: Expr,
    pub needs: BTreeSet<Capability>,
}

/// What administrators have said about scripts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Capabilities by pack.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub granted: BTreeMap<String, BTreeSet<Capability>>,
    /// Scripts that must not run, by address.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stopped: BTreeMap<String, Stopped>,
}

/// That a script must not run, and who said so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    pub by: Option<Uuid>,
    pub at: Moment,
    pub reason: String,
}

impl Rules {
    pub fn has(&self, pack: &str, capability: Capability) -> bool {
        pack == TENANT || self.granted.get(pack).is_some_and(|granted| granted.contains(&capability))
    }

    /// Why a script does not run; `None` where it does.
    pub fn bars(&self, address: &str, script: &Script) -> Option<ExprError> {
        let barred = |code, message| Some(ExprError { code, message, line: 1, column: 1 });
        if let Some(stopped) = self.stopped.get(address) {
            return barred(Code::ScriptStopped, format!("the script `{address}` is stopped: {}", stopped.reason));
        }
        let missing = script.needs.iter().find(|capability| !self.has(&script.pack, **capability))?;
        let message = format!("pack `{}` is not granted `{}`, which `{address}` needs", script.pack, missing.as_str());
        barred(Code::CapabilityMissing, message)
    }
}

/// The address of an expression: `object/work_order/fields/fee/formula`.
pub fn address(kind: Kind, name: &str, path: &str) -> String {
    format!("{}/{name}{path}", kind.as_str())
}

impl Model {
    /// Puts the rules about scripts into force; later calls change nothing.
    pub fn govern(&self, rules: &Rules) {
        for (address, script) in &self.scripts {
            if let Some(error) = rules.bars(address, script) {
                script.expr.bar(error);
            }
        }
    }

    /// From now on somebody is told what scripts cost; later calls change nothing.
    pub fn watch(&self, watch: &Arc<dyn Watch>) {
        for (address, script) in &self.scripts {
            script.expr.watch(address.as_str().into(), watch.clone());
        }
    }

    /// What packs ask leave for and are not granted.
    pub fn ungranted(&self, rules: &Rules) -> Vec<(Name, Capability)> {
        let asked = self
            .packs
            .iter()
            .flat_map(|pack| pack.capabilities.iter().map(|capability| (pack.name.clone(), *capability)));
        asked.filter(|(pack, capability)| !rules.has(pack, *capability)).collect()
    }
}
