//! What the operators and functions mean.

use super::*;
use Code::{ScriptFailed, ScriptType};

#[test]
fn numbers_are_exact() {
    check_all(&[
        ("0.1 + 0.2 == 0.3", yes()),
        ("10 / 4", num("2.5")),
        ("1 / 3", num("0.3333333333333333333333333333")),
        ("7 % 3", num("1")),
        ("2 ** 10", num("1024")),
        ("2 ** -1", num("0.5")),
        ("-2 - -3", num("1")),
        ("-quantity", num("-3")),
        ("1 + 2 * 3 - 4 / 2", num("5")),
        ("1.10 == 1.1", yes()),
        ("12345678901234567890.12 + 0.01", num("12345678901234567890.13")),
        ("round(2.345, 2, \"half_up\")", num("2.35")),
        ("round(2.345, 2, \"half_even\")", num("2.34")),
        ("round(2.345, 2, \"half_down\")", num("2.34")),
        ("round(2.341, 2, \"up\")", num("2.35")),
        ("round(2.349, 2, \"down\")", num("2.34")),
        ("round(-2.345, 2, \"ceil\")", num("-2.34")),
        ("round(-2.345, 2, \"floor\")", num("-2.35")),
        ("(2.345).round(2, \"half_up\")", num("2.35")),
        ("round(123.456, -2, \"half_up\")", num("100")),
        ("round(123.456, -2, \"ceil\")", num("200")),
        ("round(-150, -2, \"half_up\")", num("-200")),
        ("round(1, -15, \"up\")", num("1000000000000000")),
        ("round(1, -16, \"up\")", Fails(ScriptFailed, 1, 1)),
        ("1 / 0", Fails(ScriptFailed, 1, 3)),
        ("1 % (quantity - 3)", Fails(ScriptFailed, 1, 3)),
        ("79228162514264337593543950335 + 1", Fails(ScriptFailed, 1, 31)),
        ("79228162514264337593543950335 * 2", Fails(ScriptFailed, 1, 31)),
        ("10 ** 40", Fails(ScriptFailed, 1, 4)),
        ("2 ** 0.5", Fails(ScriptFailed, 1, 3)),
        ("round(1, 29, \"up\")", Fails(ScriptFailed, 1, 1)),
        ("round(1, 2, \"bankers\")", Fails(ScriptFailed, 1, 1)),
        ("round(1, 2)", Fails(ScriptType, 1, 1)),
    ]);
}

#[test]
fn null_compares_and_does_not_calculate() {
    check_all(&[
        ("nothing == ()", yes()),
        ("nothing != ()", no()),
        ("quantity == ()", no()),
        ("nothing ?? 5", num("5")),
        ("nothing ?? nothing", is(Value::Null)),
        ("quantity ?? 5", num("3")),
        ("if_null(nothing, 1) + coalesce((), (), 2)", num("3")),
        ("is_null(nothing) && !is_null(quantity)", yes()),
        ("nothing.price", Expect::Missing),
        ("`<${nothing}>`", is(Value::text("<>"))),
        ("nothing + 1", Fails(ScriptFailed, 1, 9)),
        ("1 * nothing", Fails(ScriptFailed, 1, 3)),
        ("nothing < 1", Fails(ScriptFailed, 1, 9)),
        ("-nothing", Fails(ScriptFailed, 1, 1)),
        ("if nothing { 1 }", Fails(ScriptFailed, 1, 4)),
        ("flag && nothing", Fails(ScriptFailed, 1, 9)),
        ("!flag && nothing", no()),
        ("abs(nothing)", Fails(ScriptFailed, 1, 1)),
        ("()", is(Value::Null)),
        ("if !flag { 1 }", is(Value::Null)),
    ]);
    for source in ["1 * nothing", "abs(nothing)", "flag && nothing", "let n = nothing; n + 1", "-nothing"] {
        let (_, message) = outcome(&compile(source), &facts());
        let name = if source.starts_with("let") { "`n` is null" } else { "`record.nothing` is null" };
        assert!(message.contains(name), "{source}: {message}");
    }
}

#[test]
fn money_keeps_its_currency() {
    check_all(&[
        ("price * quantity", is(money("59.70", "CNY"))),
        ("quantity * price", is(money("59.70", "CNY"))),
        ("price / 2", is(money("9.95", "CNY"))),
        ("price / line.tax", num("19.9")),
        ("price + line.tax", is(money("20.90", "CNY"))),
        ("price - 0.9", is(money("19", "CNY"))),
        ("-price", is(money("-19.9", "CNY"))),
        ("price == 19.9", yes()),
        ("price > 19", yes()),
        ("price > line.tax", yes()),
        ("price == line.amount", no()),
        ("max(price, line.tax, 3)", is(money("19.90", "CNY"))),
        ("round(price / 7, 2, \"half_up\")", is(money("2.84", "CNY"))),
        ("money(5, \"USD\") == line.amount", yes()),
        ("let p = price; p.amount", num("19.9")),
        ("text(price)", is(Value::text("19.90 CNY"))),
        ("price + line.amount", Fails(ScriptFailed, 1, 7)),
        ("price < line.amount", Fails(ScriptFailed, 1, 7)),
        ("price * price", Fails(ScriptFailed, 1, 7)),
        ("1 / price", Fails(ScriptFailed, 1, 3)),
        ("price / 0", Fails(ScriptFailed, 1, 7)),
    ]);
}

#[test]
fn dates_count_in_days() {
    check_all(&[
        ("due + 2", is(date("2026-03-01"))),
        ("due - 27", is(date("2026-01-31"))),
        ("due < date(\"2026-03-01\")", yes()),
        ("due == date(\"2026-02-27\")", yes()),
        ("date(\"2026-03-01\") - due", num("2")),
        ("days_between(due, date(\"2027-02-27\"))", num("365")),
        ("year(due) * 10000 + month(due) * 100 + day(due)", num("20260227")),
        ("done_at <= done_at", yes()),
        ("text(due)", is(Value::text("2026-02-27"))),
        ("due + 0.5", Fails(ScriptFailed, 1, 5)),
        ("due + 99999999", Fails(ScriptFailed, 1, 5)),
        ("due < done_at", Fails(ScriptFailed, 1, 5)),
        ("due < \"2026-01-01\"", Fails(ScriptFailed, 1, 5)),
        ("date(\"2026-02-30\")", Fails(ScriptFailed, 1, 1)),
        ("date(\"soon\")", Fails(ScriptFailed, 1, 1)),
    ]);
}

#[test]
fn texts_lists_and_maps() {
    check_all(&[
        ("\"a\" + 1 + true", is(Value::text("a1true"))),
        ("`${user.name}: ${quantity * 2}`", is(Value::text("Li: 6"))),
        ("kind in [\"repair\", \"return\"]", yes()),
        ("kind !in [\"return\"]", yes()),
        ("3 in [1, 2, 3.0]", yes()),
        ("\"pai\" in kind", yes()),
        ("\"cost\" in #{cost: 1}", yes()),
        ("kind.contains(\"air\")", yes()),
        ("starts_with(kind, \"re\") && ends_with(kind, \"air\")", yes()),
        ("upper(trim(\" ab \")) + lower(\"CD\")", is(Value::text("ABcd"))),
        ("len(\"中文\") + len(items) + len(#{a: 1})", num("5")),
        ("[1, 2][1] + [1, 2][-1]", num("4")),
        ("#{a: 1, b: 2}.b + #{a: 1}[\"a\"]", num("3")),
        ("#{a: #{b: [5]}}.a.b[0]", num("5")),
        ("#{a: 1}.other", is(Value::Null)),
        ("items[1].cost", num("2")),
        ("[1] + [2] == [1, 2]", yes()),
        ("min([3, 1, 2]) + max([3, 1, 2])", num("4")),
        ("min([])", is(Value::Null)),
        ("'x'", is(Value::text("x"))),
        ("decimal(\" 1.50 \") + 1", num("2.50")),
        ("floor(-1.5) + ceil(1.2) + abs(-3)", num("3")),
        ("\"a\" < \"b\"", yes()),
        ("\"1\" == 1", no()),
        ("customer == \"c-1\"", yes()),
        ("[1][1]", Fails(ScriptFailed, 1, 4)),
        ("kind[0]", Fails(ScriptFailed, 1, 5)),
        ("decimal(\"1,5\")", Fails(ScriptFailed, 1, 1)),
        ("\"a\" * 2", Fails(ScriptFailed, 1, 5)),
        ("flag < 1", Fails(ScriptFailed, 1, 6)),
        ("1 && true", Fails(ScriptType, 1, 1)),
    ]);
}

#[test]
fn choices_and_variables() {
    check_all(&[
        ("if quantity > 2 { 10 } else if quantity > 1 { 5 } else { 0 }", num("10")),
        ("let x = quantity * 2; let y = x + 1; x * y", num("42")),
        ("let x = 1; { let x = 5; } x", num("1")),
        ("let x = 1; if flag { x += 4; } x *= 2; x", num("10")),
        ("let x = 1; let x = x + 1; x", num("2")),
        ("let c = customer; c.region", is(Value::text("north"))),
        ("const RATE = 0.13; quantity * RATE", num("0.39")),
        ("return quantity + 1;", num("4")),
        ("if flag { return 1; } 2", num("1")),
        ("switch kind { \"return\" => 1, \"repair\" | \"other\" => 2, _ => 3 }", num("2")),
        ("switch quantity { 1 => \"a\", 3.0 => \"b\" }", is(Value::text("b"))),
        ("switch (quantity) { 0..3 => \"a\", 3..=9 => { \"b\" } _ => \"c\" }", is(Value::text("b"))),
        ("switch quantity { 3 if !flag => 1, 3 => 2, _ => 3 }", num("2")),
        ("switch nothing { () => 1, _ => 2 }", num("1")),
        ("switch quantity { -1 => 1, 2 => 2 }", is(Value::Null)),
        ("let a = switch kind { \"repair\" => switch quantity { 3 => 7, _ => 8 }, _ => 9 }; a", num("7")),
        ("if flag { throw \"no price\" } else { 1 }", Fails(ScriptFailed, 1, 11)),
        ("throw `bad ${quantity}`", Fails(ScriptFailed, 1, 1)),
    ]);
    let (_, message) = outcome(&compile("throw `bad ${quantity}`"), &facts());
    assert_eq!(message, "bad 3");
}

#[test]
fn scripts_loop_over_what_the_tree_cannot() {
    check_all(&[
        ("let t = 0; for l in items { t += l.cost; } t", num("3.5")),
        ("let t = 0; for (l, i) in items { t += l.cost * i; } t", num("2")),
        ("let t = 0; for i in 0..4 { t += i / 4; } t", num("1.5")),
        ("let t = 0; while t < quantity { t += 1; if t == 2 { break; } } t", num("2")),
        ("let t = 0; do { t += 1; } until t >= 5; t", num("5")),
        ("let t = 0; loop { t += 1; if t < 3 { continue; } break t * 2; }", num("6")),
        ("let l = []; for i in 1..=3 { push(l, i * 2); } l", is(list(&[number("2"), number("4"), number("6")]))),
        ("let m = #{a: 1}; m.b = m.a + 1; m[\"c\"] = 3; m.b + m.c", num("5")),
        ("let l = [1, 2]; l[quantity - 2] += 0.5; l", is(list(&[number("1"), number("2.5")]))),
        ("let t = price; for i in 0..2 { t += line.tax; } t", is(money("21.90", "CNY"))),
        ("let t = 0; for i in 0..3 { t += rate(\"t\", record).price; } t", num("7.50")),
        ("let d = due; for i in 0..2 { d = d + 1; } d", is(date("2026-03-01"))),
        ("for i in 0..3 { if i == 1 { throw \"stop\"; } }", Fails(ScriptFailed, 1, 29)),
        ("for i in nothing { 1 }", Fails(ScriptFailed, 1, 10)),
        ("let t = 0; for i in 0..3 { t += nothing; }", Fails(ScriptFailed, 1, 30)),
        ("let t = 0; for i in 0..3 { t += 1 / (i - 1); }", Fails(ScriptFailed, 1, 35)),
    ]);
}

/// Ten lines of a linear congruential generator (Numerical Recipes): the same expressions for ever.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as usize % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    fn expr(&mut self, depth: usize) -> String {
        if depth == 0 || self.roll(6) == 0 {
            return self
                .pick(&[
                    "1",
                    "0",
                    "2.50",
                    "-7",
                    "quantity",
                    "price",
                    "nothing",
                    "kind",
                    "due",
                    "items",
                    "flag",
                    "true",
                    "\"ab\"",
                    "line.amount",
                    "customer.region",
                    "()",
                    "items[0].cost",
                    "[1, 2]",
                    "#{a: 1}",
                    "79228162514264337593543950335",
                ])
                .to_owned();
        }
        let (a, b, c) = (self.expr(depth - 1), self.expr(depth - 1), self.expr(depth - 1));
        match self.roll(12) {
            0..=3 => format!("({a} {} {b})", self.pick(&["+", "-", "*", "/", "%"])),
            4 => format!("({a} {} {b})", self.pick(&["==", "!=", "<", "<=", ">", ">="])),
            5 => format!("({a} {} {b})", self.pick(&["&&", "||", "??", "in"])),
            6 => format!("if {a} {} {b} {{ {c} }} else {{ {b} }}", self.pick(&["==", "<", "!="])),
            7 => format!("{}({a})", self.pick(&["abs", "text", "is_null", "len", "floor", "year", "upper"])),
            8 => format!("{}({a}, {b})", self.pick(&["min", "max", "coalesce", "contains", "days_between"])),
            9 => format!("switch ({a}) {{ 1 | 2.5 => {b}, \"ab\" => {c}, 2..9 => 4, _ => {{ {a} }} }}"),
            10 => format!("{{ let v = {a}; v {} {b} }}", self.pick(&["+", "*", "??"])),
            _ => format!("`${{{a}}}-${{{b}}}`"),
        }
    }
}

#[test]
fn lowered_and_rhai_agree_on_generated_expressions() {
    let (mut dice, env) = (Dice(20_260_630), facts());
    let (mut values, mut failures) = (0, 0);
    for round in 0..100_000 {
        let source = dice.expr(1 + round % 4);
        let Ok(expr) = Expr::compile(&source, &scope()) else {
            // A constant where a condition stands is refused by the parser, whatever runs it.
            assert!(Expr::compile_as(&source, &scope(), false).is_err(), "{source}");
            continue;
        };
        assert!(expr.is_lowered(), "{source}");
        let rhai = Expr::compile_as(&source, &scope(), false).expect("it compiled before");
        let (lowered, in_rhai) = (outcome(&expr, &env), outcome(&rhai, &env));
        assert_eq!(lowered, in_rhai, "{source}");
        // Equality of values ignores the scale; what is stored and shown must not differ either.
        assert_eq!(format!("{lowered:?}"), format!("{in_rhai:?}"), "{source}");
        match lowered.0 {
            Is(_) => values += 1,
            _ => failures += 1,
        }
    }
    assert!(values > 25_000 && failures > 15_000, "the generator covers both: {values} values, {failures} failures");
}
