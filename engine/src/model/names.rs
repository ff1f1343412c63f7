//! What names expressions may use: roots, fields through references, classifications, functions; and the
//! texts of what every object has.

use super::Texts;
use super::checker;
use super::uses::Target;
use crate::codes::Code;
use crate::definition::Kind;
use crate::expr::{Expr, ExprError, FunctionSpec, Path, Type, Types};
use crate::object::classify::Dimension;
use crate::object::{FieldKind, Object};
use crate::record::Name;
use crate::suggest;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Roots of an object's own expressions.
pub const ROOTS: &[&str] = &["record", "user"];

/// Functions the engine answers itself, beside the pure ones of `expr`.
pub const FUNCTIONS: &[FunctionSpec] = &[
    FunctionSpec { name: "now", args: (0, 0), returns: Type::Moment, watched: false },
    FunctionSpec { name: "today", args: (0, 0), returns: Type::Date, watched: false },
    // The place an address lies in, or null.
    FunctionSpec { name: "locate", args: (2, 2), returns: Type::Any, watched: false },
    // What a rate table says for a record: a map with `found`, `price`, `row`.
    FunctionSpec { name: "rate", args: (2, 2), returns: Type::Map, watched: false },
    // The amount of a rate for a quantity: `rate("internal_price", record).amount(quantity)`.
    FunctionSpec { name: "amount", args: (2, 2), returns: Type::Money, watched: false },
    // The business date of a moment in the tenant's zone.
    FunctionSpec { name: "business_date", args: (1, 1), returns: Type::Date, watched: false },
    // What a record found by its key holds: `lookup("setting", "fee", "value")`; null where there is none.
    FunctionSpec { name: "lookup", args: (3, 3), returns: Type::Any, watched: true },
];

/// The scope of one expression: its object (for `record` and bare fields) and what `let` defined before it.
pub(super) struct Names<'a> {
    pub object: &'a str,
    pub bare: bool,
    pub extra: &'a [(Name, Type)],
}

impl Names<'_> {
    /// Compiles and checks an expression; the expression comes back only if it is sound.
    pub fn compile(
        &self,
        objects: &BTreeMap<Name, Object>,
        dimensions: &BTreeMap<Name, Dimension>,
        source: &str,
    ) -> (Option<(Expr, Option<Type>)>, Vec<ExprError>) {
        let mut roots: Vec<&str> = ROOTS.to_vec();
        roots.extend(self.extra.iter().map(|(name, _)| &**name));
        // Every free name is taken for a field; checking then says which one was probably meant.
        let any = |_: &str| true;
        let bare: Option<&dyn Fn(&str) -> bool> = if self.bare { Some(&any) } else { None };
        let expr = match Expr::compile(source, &checker::scope(&roots, bare)) {
            Ok(expr) => expr,
            Err(error) => return (None, vec![error]),
        };
        let view = View { names: self, objects, dimensions };
        let (found, errors) = expr.check(&view);
        match errors.is_empty() {
            true => (Some((expr, found)), errors),
            false => (None, errors),
        }
    }
}

impl Names<'_> {
    /// What a sound expression uses: fields and classifications along its paths, rate tables it asks.
    pub fn targets(
        &self,
        objects: &BTreeMap<Name, Object>,
        dimensions: &BTreeMap<Name, Dimension>,
        expr: &Expr,
    ) -> Vec<Target> {
        let view = View { names: self, objects, dimensions };
        let mut targets: Vec<Target> = view.fields(expr).into_iter().map(|(target, _)| target).collect();
        let tables = expr.calls().iter().filter(|call| &*call.function == "rate");
        targets.extend(tables.filter_map(|call| Some(Target::definition(Kind::RateTable, call.literal.as_ref()?))));
        for call in expr.calls().iter().filter(|call| &*call.function == "lookup") {
            let (Some(object), Some(path)) = (&call.literal, &call.last) else { continue };
            let found = Path { root: "found".into(), steps: path.split('.').map(Arc::from).collect() };
            view.along(&found, Some(Type::Reference(object.clone())), |target| targets.push(target));
        }
        targets
    }

    /// What is wrong with calls of `lookup`: object and field are written there, so that it is known what they read.
    pub fn lookups(
        &self,
        objects: &BTreeMap<Name, Object>,
        dimensions: &BTreeMap<Name, Dimension>,
        expr: &Expr,
    ) -> Vec<ExprError> {
        let view = View { names: self, objects, dimensions };
        let calls = expr.calls().iter().filter(|call| &*call.function == "lookup");
        calls
            .filter_map(|call| {
                let (line, column) = call.position;
                let wrong = |message: String| Some(ExprError { code: Code::ScriptType, message, line, column });
                let (Some(object), Some(path)) = (&call.literal, &call.last) else {
                    return wrong("`lookup` takes an object, a key and a field; object and field are texts".to_owned());
                };
                let known = objects.get(object);
                let Some(known) = known else {
                    let near = suggest::nearest(object, objects.keys().map(|name| &**name));
                    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                    let message = format!("there is no object `{object}`{near}");
                    return Some(ExprError { code: Code::ScriptUnknownName, message, line, column });
                };
                if known.key.is_none() {
                    return wrong(format!("`{object}` has no key by which `lookup` could find a record"));
                }
                let found = Path { root: "found".into(), steps: path.split('.').map(Arc::from).collect() };
                let start = Some(Type::Reference(object.clone()));
                if view.along(&found, start, |_| {}).is_none() {
                    let message = format!("there is no `{path}` in `{object}`");
                    return Some(ExprError { code: Code::ScriptUnknownName, message, line, column });
                }
                None
            })
            .collect()
    }

    /// The fields an expression reads of what the record refers to, not of itself.
    pub fn targets_beyond(
        &self,
        objects: &BTreeMap<Name, Object>,
        dimensions: &BTreeMap<Name, Dimension>,
        expr: &Expr,
    ) -> Vec<Target> {
        let view = View { names: self, objects, dimensions };
        view.fields(expr).into_iter().filter(|(_, own)| !own).map(|(target, _)| target).collect()
    }
}

struct View<'a> {
    names: &'a Names<'a>,
    objects: &'a BTreeMap<Name, Object>,
    dimensions: &'a BTreeMap<Name, Dimension>,
}

impl View<'_> {
    /// The fields along an expression's paths, and whether each is the record's own.
    fn fields(&self, expr: &Expr) -> Vec<(Target, bool)> {
        let mut fields = Vec::new();
        for path in expr.reads() {
            let mut index = 0;
            self.along(path, self.root(&path.root), |target| {
                fields.push((target, index == 0 && &*path.root == "record"));
                index += 1;
            });
        }
        fields
    }

    /// Tells the fields along a path's steps; what the whole path is.
    fn along(&self, path: &Path, start: Option<Type>, mut tell: impl FnMut(Target)) -> Option<Type> {
        let mut at = start;
        for step in &path.steps {
            if let Some(Type::Reference(object)) = &at {
                tell(Target::field(object, step));
            }
            at = at.and_then(|from| self.step(&from, step));
        }
        at
    }

    fn root(&self, root: &str) -> Option<Type> {
        match root {
            // A rate table's column does not know which object will ask.
            "record" if self.names.object.is_empty() => Some(Type::Any),
            "record" => Some(Type::Reference(self.names.object.into())),
            "user" => Some(Type::Reference("user".into())),
            _ => self.names.extra.iter().find(|(name, _)| **name == *root).map(|(_, kind)| kind.clone()),
        }
    }

    fn step(&self, from: &Type, step: &str) -> Option<Type> {
        match from {
            Type::Reference(object) => {
                let compiled = self.objects.get(object)?;
                match compiled.field(step) {
                    Some((_, field)) => Some(type_of(&field.kind)),
                    None => self
                        .dimensions
                        .values()
                        .any(|dimension| dimension.of == *object && dimension.classifications.contains_key(step))
                        .then_some(Type::Text),
                }
            }
            Type::Money => match step {
                "amount" => Some(Type::Decimal),
                "currency" => Some(Type::Text),
                _ => None,
            },
            Type::Map | Type::Any => Some(Type::Any),
            _ => None,
        }
    }
}

/// The static type of what a slot holds.
pub(super) fn type_of(kind: &FieldKind) -> Type {
    match kind {
        FieldKind::Text { .. } | FieldKind::Choice { .. } => Type::Text,
        FieldKind::Decimal { .. } => Type::Decimal,
        FieldKind::Rollup { money, .. } => {
            if money.is_some() {
                Type::Money
            } else {
                Type::Decimal
            }
        }
        FieldKind::Money { .. } => Type::Money,
        FieldKind::Boolean => Type::Bool,
        FieldKind::Date => Type::Date,
        FieldKind::Moment => Type::Moment,
        FieldKind::Id { to, .. } => match &to[..] {
            [only] => Type::Reference(only.clone()),
            _ => Type::Any,
        },
        FieldKind::Choices { .. } | FieldKind::Ids { .. } | FieldKind::Items { .. } => Type::List,
        FieldKind::Location | FieldKind::Files { .. } | FieldKind::Json => Type::Any,
    }
}

impl Types for View<'_> {
    fn path(&self, path: &Path) -> Option<Type> {
        path.steps.iter().try_fold(self.root(&path.root)?, |from, step| self.step(&from, step))
    }

    fn names(&self, prefix: &Path) -> Vec<String> {
        match self.path(prefix) {
            Some(Type::Reference(object)) => {
                let fields = self
                    .objects
                    .get(&object)
                    .into_iter()
                    .flat_map(|object| object.by_name.keys().map(|name| name.to_string()));
                let classes = self
                    .dimensions
                    .values()
                    .filter(|dimension| dimension.of == object)
                    .flat_map(|dimension| dimension.classifications.keys().cloned());
                fields.chain(classes).collect()
            }
            Some(Type::Money) => vec!["amount".to_owned(), "currency".to_owned()],
            _ => Vec::new(),
        }
    }

    fn function(&self, name: &str) -> Option<&FunctionSpec> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }
}

/// Titles of what every object has.
pub(super) fn system_texts() -> Texts {
    const TEXTS: &[(&str, &str, &str)] = &[
        ("id", "ID", "编号"),
        ("version", "Version", "版本"),
        ("state", "State", "状态"),
        ("template", "Template", "模板"),
        ("created_at", "Created at", "创建时间"),
        ("created_by", "Created by", "创建人"),
        ("updated_at", "Updated at", "更新时间"),
        ("updated_by", "Updated by", "更新人"),
        ("owner", "Owner", "负责人"),
        ("department", "Department", "部门"),
        ("deleted_at", "Deleted at", "删除时间"),
        ("item_of", "Item of", "所属单据"),
        ("item_rank", "Item rank", "序号"),
        ("trace", "Origin", "来源"),
        ("row", "Row", "行号"),
        ("row_rank", "Rank", "顺序"),
        ("valid_from", "Valid from", "生效日期"),
        ("valid_to", "Valid to", "失效日期"),
        ("recorded_at", "Recorded at", "登记时间"),
        ("superseded_at", "Superseded at", "取代时间"),
    ];
    let mut texts = Texts::default();
    for (name, english, chinese) in TEXTS {
        let path = format!("system/fields/{name}/title");
        texts.english.insert(path.clone(), (*english).to_owned());
        texts.chinese.insert(path, (*chinese).to_owned());
    }
    texts
}
