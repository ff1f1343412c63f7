//! Paths, calls, unknown names and static types.

use super::*;
use Code::{ScriptSyntax, ScriptType, ScriptUnknownName};

#[test]
fn paths_are_read_whole() {
    for (source, paths) in [
        ("quantity * 2", "record.quantity"),
        ("record.quantity * quantity", "record.quantity"),
        ("customer.region.tier + line.tax", "line.tax record.customer.region.tier"),
        ("(customer.region).tier", "record.customer.region.tier"),
        ("customer?.region", "record.customer.region"),
        ("customer == customer.region", "record.customer record.customer.region"),
        ("rate(\"internal_price\", record).amount(quantity)", "record record.quantity"),
        ("items[0].cost", "record.items"),
        ("let quantity = 5; quantity", ""),
        ("let c = customer; c.region", "record.customer record.customer.region"),
        ("for l in items { user.name }", "record.items user.name"),
        ("`${user.name}`", "user.name"),
        ("#{quantity: line.tax}.quantity", "line.tax"),
        ("if flag { price } else { () }", "record.flag record.price"),
    ] {
        let reads: Vec<String> = compile(source).reads().iter().map(Path::to_string).collect();
        assert_eq!(reads.join(" "), paths, "{source}");
    }
}

#[test]
fn one_path_is_known_as_such() {
    assert_eq!(compile("customer.region").as_path(), Some(&Path::parse("record.customer.region")));
    assert_eq!(compile(" ( customer.region ) ").as_path(), Some(&Path::parse("record.customer.region")));
    assert_eq!(compile("quantity + 1").as_path(), None);
    assert_eq!(compile("42").as_path(), None);
}

#[test]
fn calls_are_listed_with_their_literal() {
    let expr = compile("rate(\"internal_price\", record).amount(quantity)\n + min(1, 2)");
    let calls: Vec<_> =
        expr.calls().iter().map(|call| (&*call.function, call.literal.as_deref(), call.position)).collect();
    assert_eq!(calls, [("rate", Some("internal_price"), (1, 1)), ("amount", None, (1, 32)), ("min", None, (2, 4))]);
}

#[test]
fn the_host_answers_calls_once_and_in_order() {
    for source in [
        "rate(\"t\", record).amount(quantity)",
        "let r = rate(\"t\", record); let a = (); for i in 0..1 { a = r.amount(quantity); } a",
    ] {
        let env = facts();
        check_one(source, &env, &is(money("7.50", "CNY")));
        assert_eq!(*env.calls.borrow(), ["rate", "amount"], "{source}");
    }
    let env = facts();
    check_one("let s = \"\"; for i in 0..3 { s += sequence(\"x\"); } s", &env, &is(Value::text("N1N2N3")));
}

fn check_one(source: &str, env: &Facts, expect: &Expect) {
    assert_eq!(&outcome(&compile(source), env).0, expect, "{source}");
}

#[test]
fn a_missing_fact_is_asked_for_only_where_it_is_used() {
    check_all(&[
        ("record.unloaded + 1", Expect::Missing),
        ("if flag { 1 } else { record.unloaded }", num("1")),
        ("flag || record.unloaded", yes()),
        ("let t = 0; for i in 0..1 { t = if flag { 1 } else { record.unloaded }; } t", num("1")),
    ]);
}

#[test]
fn wrong_names_and_syntax_have_a_place() {
    check_all(&[
        ("1 +\n  quantitty", Fails(ScriptUnknownName, 2, 3)),
        ("recrd.quantity", Fails(ScriptUnknownName, 1, 1)),
        ("1 + foo(2)", Fails(ScriptUnknownName, 1, 5)),
        ("quantity.rond(2)", Fails(ScriptUnknownName, 1, 10)),
        ("eval(\"1\")", Fails(ScriptSyntax, 1, 1)),
        ("print(1)", Fails(ScriptSyntax, 1, 1)),
        ("__path(1, 2)", Fails(ScriptUnknownName, 1, 1)),
        ("fn f() { 1 } f()", Fails(ScriptSyntax, 1, 1)),
        ("|x| x + 1", Fails(ScriptSyntax, 1, 1)),
        ("record.quantity = 5", Fails(ScriptSyntax, 1, 1)),
        ("quantity += 5", Fails(ScriptSyntax, 1, 1)),
        ("1 +", Fails(ScriptSyntax, 1, 4)),
        ("", Fails(ScriptSyntax, 1, 1)),
        ("1 & 2", Fails(ScriptSyntax, 1, 3)),
        ("let x = 1; x <<= 2;", Fails(ScriptSyntax, 1, 14)),
        ("rate(\"t\")", Fails(ScriptType, 1, 1)),
        ("const A = 1; A = 2;", Fails(ScriptSyntax, 1, 14)),
        ("try { 1 } catch { 2 }", Fails(ScriptSyntax, 1, 1)),
        ("switch quantity { [1] => 1 }", Fails(ScriptSyntax, 1, 1)),
    ]);
}

#[test]
fn near_names_are_suggested() {
    for (source, hint) in [
        ("recrod.quantity", Some("`record`")),
        ("rnd(1, 2, \"up\")", None),
        ("ruond(1, 2, \"up\")", Some("`round`")),
        ("raet(\"t\", record)", Some("`rate`")),
        ("let total = 1; totla", Some("`total`")),
        ("zzzzzz", None),
    ] {
        let error = Expr::compile(source, &scope()).expect_err(source);
        let expected = hint.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        let found = error.message.find(';').map_or("", |start| &error.message[start..]);
        assert_eq!(found, expected, "{source}: {}", error.message);
    }
}

struct Shapes;

impl Types for Shapes {
    fn path(&self, path: &Path) -> Option<Type> {
        Some(match path.to_string().as_str() {
            "record" => Type::Reference("work_order".into()),
            "record.quantity" | "record.customer.region.tier" => Type::Decimal,
            "record.customer" => Type::Reference("customer".into()),
            "record.customer.region" => Type::Reference("region".into()),
            "record.kind" => Type::Text,
            "record.price" => Type::Money,
            "record.due" => Type::Date,
            "record.items" => Type::List,
            "record.flag" => Type::Bool,
            _ => return None,
        })
    }

    fn names(&self, prefix: &Path) -> Vec<String> {
        let names: &[&str] = match prefix.to_string().as_str() {
            "record" => BARE,
            "record.customer" => &["region", "name"],
            "record.customer.region" => &["tier"],
            _ => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn function(&self, name: &str) -> Option<&FunctionSpec> {
        FUNCTIONS.iter().find(|spec| spec.name == name)
    }
}

#[test]
fn types_are_inferred() {
    for (source, expected) in [
        ("quantity * 2", Type::Decimal),
        ("price * quantity", Type::Money),
        ("price / price", Type::Decimal),
        ("due + 1", Type::Date),
        ("due - due", Type::Decimal),
        ("kind + 1", Type::Text),
        ("`${kind}`", Type::Text),
        ("quantity > 1 && flag", Type::Bool),
        ("customer.region", Type::Reference("region".into())),
        ("if flag { price } else { () }", Type::Money),
        ("if flag { price } else { throw \"no\" }", Type::Money),
        ("if flag { price } else { kind }", Type::Any),
        ("round(price, 2, \"up\")", Type::Money),
        ("coalesce((), quantity)", Type::Decimal),
        ("max(items)", Type::Any),
        ("let x = quantity; x", Type::Decimal),
        ("rate(\"t\", record)", Type::Map),
        ("rate(\"t\", record).price", Type::Any),
        ("rate(\"t\", record).amount(quantity)", Type::Money),
        ("switch kind { \"a\" => 1, _ => 2 }", Type::Decimal),
    ] {
        assert_eq!(compile(source).check(&Shapes), (Some(expected), Vec::new()), "{source}");
    }
    assert_eq!(compile("for i in items { 1 }").check(&Shapes), (None, Vec::new()));
}

#[test]
fn what_cannot_be_right_is_reported() {
    for (source, expected) in [
        (
            "record.quantitty + 1",
            vec![(ScriptUnknownName, 1, 1, "there is no `quantitty` in `record`; did you mean `quantity`?")],
        ),
        (
            "customer.regoin.tier",
            vec![(ScriptUnknownName, 1, 1, "there is no `regoin` in `record.customer`; did you mean `region`?")],
        ),
        (
            "for i in items { customer.nme }",
            vec![(ScriptUnknownName, 1, 18, "there is no `nme` in `record.customer`; did you mean `name`?")],
        ),
        ("quantity + flag", vec![(ScriptType, 1, 10, "`+` does not go with decimal and boolean")]),
        ("due == kind", vec![(ScriptType, 1, 5, "`==` does not go with date and text")]),
        ("price < due", vec![(ScriptType, 1, 7, "`<` does not go with money and date")]),
        ("quantity * ()", vec![(ScriptType, 1, 10, "`*` does not go with decimal and null")]),
        ("if quantity { 1 }", vec![(ScriptType, 1, 4, "decimal where true or false is needed")]),
        ("year(kind)", vec![(ScriptType, 1, 1, "`year` does not go with text")]),
        (
            "upper(1) + year(kind)",
            vec![
                (ScriptType, 1, 1, "`upper` does not go with decimal"),
                (ScriptType, 1, 12, "`year` does not go with text"),
            ],
        ),
        (
            "customer == customer.region",
            vec![(ScriptType, 1, 10, "`==` does not go with reference to `customer` and reference to `region`")],
        ),
    ] {
        let (_, errors) = compile(source).check(&Shapes);
        let found: Vec<_> = errors.iter().map(|e| (e.code, e.line, e.column, e.message.as_str())).collect();
        assert_eq!(found, expected, "{source}");
    }
}

#[test]
fn what_comes_to_nothing_is_remarked_on() {
    let remarks = |source: &str| -> Vec<String> {
        let compiled = Expr::compile(source, &Scope { roots: &["record"], bare: None, functions: FUNCTIONS });
        let expr = compiled.unwrap_or_else(|error| panic!("{source}: {}", error.message));
        let told = |remark: &ExprError| format!("{}:{} {}", remark.line, remark.column, remark.message);
        expr.remarks().iter().map(told).collect()
    };
    assert_eq!(remarks("let x = 1; let y = x; y + 1"), [] as [String; 0]);
    assert_eq!(remarks("let _x = 1; for i in 0..3 { } 2"), [] as [String; 0]);
    assert_eq!(
        remarks("let x = 1; let x = 2; x"),
        ["1:5 nothing reads the variable `x`", "1:16 this variable hides another `x`"]
    );
    assert_eq!(
        remarks("let record = 1; if record > 0 { let a = 2; }\n3"),
        ["1:5 this variable hides another `record`", "1:37 nothing reads the variable `a`"]
    );
    assert_eq!(
        remarks("return 1;\n2"),
        ["2:1 this is never carried out: what stands before it ends the script or loop"]
    );
}
