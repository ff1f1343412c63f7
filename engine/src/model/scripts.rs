//! Scripts among the expressions: which there are, what they do beyond their own record, and whether their pack has asked
//! leave for it.

use super::checker::{Checker, Found};
use super::names::Names;
use crate::codes::Code;
use crate::expr::Expr;
use crate::layers::{TENANT, path};
use crate::pack::Pack;
use crate::record::Name;
use crate::script::{Capability, Script, address};
use std::collections::BTreeSet;

impl<'a> Checker<'a> {
    /// Notes an expression that is a script.
    pub(super) fn script(&mut self, found: Found<'a>, pointer: &str, expr: &Expr, names: &Names<'_>) {
        if !expr.is_script() {
            return;
        }
        for error in names.lookups(&self.objects, &self.dimensions, expr) {
            self.report(found, pointer, &error);
        }
        let calls =
            |capability: &Capability| expr.calls().iter().any(|call| capability.functions().contains(&&*call.function));
        let named = path::of_pointer(&found.composite.json, pointer);
        // Where a list has no names, positions have to do.
        let path = match path::to_pointer(&found.composite.json, &named) == pointer {
            true => named,
            false => pointer.to_owned(),
        };
        let pack = found.composite.origin(&path).pack().map_or_else(|| Name::from(TENANT), Name::clone);
        let (kind, name) = (found.definition.kind(), Name::from(found.definition.name()));
        let script = Script {
            pack,
            kind,
            path: path.clone(),
            expr: expr.clone(),
            needs: Capability::ALL.iter().copied().filter(calls).collect(),
            name: name.clone(),
        };
        self.scripts.insert(address(kind, &name, &path), script);
    }

    /// Reports what scripts do that their packs have not asked leave for, and what packs ask for that nothing needs.
    pub(super) fn check_capabilities(&mut self, packs: &[Pack]) {
        for pack in packs {
            let own = || self.scripts.values().filter(|script| *script.pack == *pack.name);
            let needed: BTreeSet<Capability> = own().flat_map(|script| script.needs.iter().copied()).collect();
            let manifest = format!("{}/pack.json", pack.name);
            for script in own() {
                let Some(missing) = script.needs.iter().find(|need| !pack.capabilities.contains(need)) else {
                    continue;
                };
                let Some(home) = self.found.get(&(script.kind, script.name.clone())) else { continue };
                let pointer = path::to_pointer(&home.composite.json, &script.path);
                let message = format!("the script needs `{}`, which its pack has not asked for", missing.as_str());
                self.diagnostics
                    .error(Code::UndeclaredCapability, home.file, pointer, message)
                    .hint(format!("add `{}` to `capabilities` in {manifest}", missing.as_str()));
            }
            for asked in pack.capabilities.difference(&needed) {
                let message = format!("no script of the pack needs `{}`", asked.as_str());
                self.diagnostics.warning(Code::UndeclaredCapability, &manifest, "/capabilities", message);
            }
        }
    }
}
