//! Every limit at its edge and just past it.

use super::*;
use Code::ScriptLimit;

/// Evaluates once, lowered if it can be; sources here are too long to print.
fn limited(source: &str) -> Result<Value, (Code, usize, usize)> {
    let env = facts();
    let place = |error: ExprError| (error.code, error.line, error.column);
    Expr::compile(source, &scope()).map_err(place).and_then(|expr| match expr.eval(&env) {
        Ok(value) => Ok(value),
        Err(EvalError::Failed(error)) => Err(place(error)),
        Err(EvalError::Missing) => panic!("no fact is missing here"),
    })
}

#[test]
fn a_script_that_loops_for_ever_ends() {
    assert_eq!(limited("let t = 0;\nloop { t += 1; }").map_err(|e| (e.0, e.1)), Err((ScriptLimit, 2)));
    assert_eq!(limited("while true { }").map_err(|e| e.0), Err(ScriptLimit));
}

#[test]
fn steps_are_bounded() {
    let turns = |n: usize| limited(&format!("let t = 0; for i in 0..{n} {{ for j in 0..10 {{ t += 1; }} }} t"));
    assert_eq!(turns(100), Ok(number("1000")));
    assert_eq!(turns(10_000).map_err(|e| e.0), Err(ScriptLimit));
}

#[test]
fn texts_are_bounded() {
    let text = |n: usize| "x".repeat(n);
    let joined = |n: usize| limited(&format!("let a = \"{}\"; a + a + \"{}\"", text(30_000), text(n - 60_000)));
    assert_eq!(joined(65_536).map(|value| value.as_text().map(str::len)), Ok(Some(65_536)));
    assert_eq!(joined(65_537).map_err(|e| e.0), Err(ScriptLimit));
    let looped = "let s = \"xx\"; loop { s += s; }";
    assert_eq!(limited(looped), Err((ScriptLimit, 1, 24)));
}

#[test]
fn lists_are_bounded() {
    let range = |n: usize| limited(&format!("len(0..{n})"));
    assert_eq!(range(10_000), Ok(number("10000")));
    assert_eq!(range(10_001), Err((ScriptLimit, 1, 6)));
    let pushed = |n: usize| limited(&format!("let l = 0..9999; for i in 0..{n} {{ push(l, i); }} len(l)"));
    assert_eq!(pushed(1), Ok(number("10000")));
    assert_eq!(pushed(2).map_err(|e| e.0), Err(ScriptLimit));
    assert_eq!(limited("len((0..5000) + (0..5000))"), Ok(number("10000")));
    assert_eq!(limited("len((0..5000) + (0..5001))").map_err(|e| e.0), Err(ScriptLimit));
}

#[test]
fn maps_are_bounded() {
    let filled = |n: usize| limited(&format!("let m = #{{}}; for i in 0..{n} {{ m[`k${{i}}`] = i; }} len(m)"));
    assert_eq!(filled(1_000), Ok(number("1000")));
    assert_eq!(filled(1_001).map_err(|e| e.0), Err(ScriptLimit));
}

#[test]
fn nesting_is_bounded() {
    let sum = |n: usize| limited(&vec!["1"; n].join(" + "));
    assert_eq!(sum(100), Ok(number("100")));
    for n in [200, 2_000, 16_000] {
        assert_eq!(sum(n).map_err(|e| e.0), Err(ScriptLimit), "{n} terms");
    }
    let nested = |n: usize| limited(&format!("{}1{}", "(".repeat(n), ")".repeat(n)));
    assert_eq!(nested(40), Ok(number("1")));
    assert_eq!(nested(5_000).map_err(|e| e.0), Err(ScriptLimit));
    let chained = |n: usize| limited(&format!("quantity{}", ".abs()".repeat(n)));
    assert_eq!(chained(60), Ok(number("3")));
    for many in [500, 8_000] {
        assert_eq!(chained(many).map_err(|e| e.0), Err(ScriptLimit));
        assert_eq!(limited(&format!("quantity{}", "[0]".repeat(many))).map_err(|e| e.0), Err(ScriptLimit));
        assert_eq!(limited(&format!("{}flag", "!".repeat(many))).map_err(|e| e.0), Err(ScriptLimit));
        assert_eq!(limited(&format!("record{}", ".a".repeat(many))).map_err(|e| e.0), Err(ScriptLimit));
    }
    let chosen = |n: usize| {
        let arms: Vec<String> = (0..n).map(|i| format!("if quantity == {i} {{ {i} }}")).collect();
        limited(&format!("{} else {{ 0 }}", arms.join(" else ")))
    };
    assert_eq!(chosen(40), Ok(number("3")));
    assert_eq!(chosen(1_000).map_err(|e| e.0), Err(ScriptLimit));
}

#[test]
fn switch_arms_are_bounded() {
    let arms = |n: usize| {
        let arms: Vec<String> = (0..n).map(|i| format!("{i} => {i}")).collect();
        let source = format!("switch quantity {{ {} }}", arms.join(", "));
        let in_rhai = format!("for i in 0..1 {{ 1 }} {source}");
        assert_eq!(limited(&source).map_err(|e| e.0), limited(&in_rhai).map_err(|e| e.0));
        limited(&source)
    };
    assert_eq!(arms(100), Ok(number("3")));
    assert_eq!(arms(101), Err((ScriptLimit, 1, 1)));
}

#[test]
fn host_calls_of_a_script_are_bounded() {
    let calls = |n: usize| limited(&format!("let s = \"\"; for i in 0..{n} {{ s = sequence(\"x\"); }} s"));
    assert_eq!(calls(100), Ok(Value::text("N100")));
    assert_eq!(calls(101), Err((ScriptLimit, 1, 35)));
}

#[test]
fn sources_are_bounded() {
    let spaced = |n: usize| limited(&format!("1{}", " ".repeat(n - 1)));
    assert_eq!(spaced(SOURCE_BYTES_MAX), Ok(number("1")));
    assert_eq!(spaced(SOURCE_BYTES_MAX + 1), Err((ScriptLimit, 1, 1)));
}

#[test]
fn copies_of_large_values_are_bounded() {
    let copies = |n: usize| limited(&format!("let l = 0..10000; let a = (); for i in 0..{n} {{ a = l; }} len(a)"));
    assert_eq!(copies(97), Ok(number("10000")));
    assert_eq!(copies(100).map_err(|e| e.0), Err(ScriptLimit));
    for source in ["let l = 0..5000; loop { l + l }", "loop { 0..10000 }", "loop { items + items }"] {
        assert_eq!(limited(source).map_err(|e| e.0), Err(ScriptLimit), "{source}");
    }
}
