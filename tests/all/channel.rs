//! Kinds of settlement working together: rebates over a quarter, commissions along uplines and their returns, subsidies
//! under a cap, commitments. The cases of the pack `channel` on the bare engine and through HTTP on both databases, what
//! people read of its lines, and what holds in whatever order things happen.

use packwork_engine::explain::Teller;
use packwork_engine::moment::Moment;
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::replay::{Replay, StepKind};
use packwork_engine::testing::bare::Bare;
use packwork_engine::testing::case::World;
use packwork_tests::app::{Industry, On};
use packwork_tests::cases::{check_industry, check_industry_bare, industry_bare};
use packwork_tests::dice::Dice;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const CHANNEL: Industry = &[("channel", "1.0.0")];

#[test]
fn cases_of_channel_on_the_bare_engine() {
    check_industry_bare(CHANNEL);
}

#[test]
fn cases_of_channel_through_http_on_sqlite() {
    check_industry(On::Sqlite, CHANNEL);
}

#[test]
fn cases_of_channel_through_http_on_postgres() {
    check_industry(On::Postgres, CHANNEL);
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

/// A channel at work.
struct Channel(Bare);

impl Channel {
    fn open() -> Channel {
        let mut channel = Channel(industry_bare(CHANNEL));
        channel.at("2026-01-01T01:00:00Z");
        for (code, name) in [("le_hq", "总部"), ("le_x", "渠道")] {
            channel.create("legal_entity", json!({"code": code, "name": name}));
        }
        for code in ["hq", "platform"] {
            channel.create("department", json!({"code": code, "name": code, "legal_entity": "le_hq"}));
        }
        for (code, rank, upline) in [("c", "c", None), ("b", "b", Some("c")), ("a", "a", Some("b"))] {
            let partner = json!({"code": code, "name": code, "mode": "distribution", "legal_entity": "le_x",
                                 "rank": rank, "upline": upline});
            channel.create("partner", partner);
        }
        channel
    }

    fn at(&mut self, moment: &str) {
        self.0.set_now(Moment::parse(moment).expect("the test's moment is one")).expect("time goes on");
    }

    fn create(&mut self, name: &str, input: Json) -> String {
        let created = self.0.create(name, &object(input));
        let created = created.unwrap_or_else(|refused| panic!("creating {name}: {refused}"));
        created["id"].as_str().expect("a record has an id").to_owned()
    }

    fn take(&mut self, name: &str, id: &str, transition: &str) {
        let taken = self.0.transition(name, id, transition, &Map::new());
        taken.unwrap_or_else(|refused| panic!("{transition} of {name}: {refused}"));
    }

    /// A record that is a fact.
    fn confirmed(&mut self, name: &str, input: Json) -> String {
        let id = self.create(name, input);
        self.take(name, &id, "confirm");
        id
    }

    fn settle(&mut self, plan: &str, period: &str) -> Json {
        self.0.settle(plan, period).unwrap_or_else(|refused| panic!("settling {plan} {period}: {refused}"))
    }

    fn lines(&self) -> &[Arc<Line>] {
        &self.0.memory.lines
    }

    fn sentences(&self, locale: &str) -> Vec<String> {
        let teller = Teller { model: &self.0.model, locale, title: &|_, _| None };
        self.lines().iter().map(|line| teller.line_sentence(line)).collect()
    }

    /// What stands and fell, summed by line and payee.
    fn sums(&self) -> BTreeMap<(String, uuid::Uuid), Decimal> {
        let mut sums = BTreeMap::new();
        for line in self.lines() {
            *sums.entry((line.line.to_string(), line.payee.id)).or_insert(Decimal::ZERO) += line.gross;
        }
        sums.retain(|_, sum: &mut Decimal| !sum.is_zero());
        sums
    }
}

#[test]
fn every_amount_says_what_it_was_made_of() {
    let mut channel = Channel::open();
    let sale = |more: Json| {
        let mut sale = json!({"number": "s1", "sold_on": "2026-01-15", "product_line": "A", "net": "1000.00"});
        sale.as_object_mut().expect("a sale has members").extend(object(more));
        sale
    };
    let id = channel.confirmed("channel_sale", sale(json!({"seller": "b", "dealer": "a"})));
    let back = json!({"number": "r1", "sale": id, "returned_on": "2026-01-20", "net": "250.00"});
    channel.confirmed("channel_return", back);
    channel.at("2026-02-01T01:00:00Z");
    channel.settle("dealer_rebate", "2026-01");
    let chinese = [
        "1,000.00 × 8 % = 80.00",
        "1,000.00 × 4 %（本级 12 %，下级已得 8 %）= 40.00",
        "分润池 150.00 中未分出 30.00",
        "原明细 80.00：1,000.00 中累计退回 250.00，冲回 20.00",
        "原明细 40.00：1,000.00 中累计退回 250.00，冲回 10.00",
        "原明细 30.00：1,000.00 中累计退回 250.00，冲回 7.50",
        "2026-Q1 累计 1,000.00，应计 10.00，此前已计 0.00，本期 10.00，再 99,000.00 进入下一档",
    ];
    assert_eq!(channel.sentences("zh-CN"), chinese);
    let english = channel.sentences("en");
    assert_eq!(english[1], "1,000.00 × 4 % (own rate 12 %, 8 % earned below) = 40.00");
    assert_eq!(
        english[6],
        "1,000.00 so far in 2026-Q1 earn 10.00, 0.00 before, 10.00 now; 99,000.00 more reach the next tier"
    );
    let teller = Teller { model: &channel.0.model, locale: "zh-CN", title: &|_, _| Some("甲".to_owned()) };
    let told = teller.line(&channel.lines()[1]);
    let chain = told.tree.iter().find(|node| node.label == "分润链").expect("the chain is told");
    let nodes: Vec<(&str, &str)> =
        chain.children.iter().map(|node| (node.label.as_str(), node.value.as_str())).collect();
    let expect = [
        ("分润基数", "1,000.00"),
        ("分润池", "150.00"),
        ("第 1 级 甲", "80.00"),
        ("第 2 级 甲", "40.00"),
        ("未分出", "30.00"),
    ];
    assert_eq!(nodes, expect);
    let told = teller.line(&channel.lines()[6]);
    let total = told.tree.iter().find(|node| node.label == "经销商净业绩").expect("the total is told");
    assert_eq!((total.value.as_str(), total.note.as_deref()), ("1,000", Some("2026-Q1 内 2026-02-01 之前的 1 笔")));
}

/// Computed again from what is stored of it; what it takes back in part is looked up as the product does.
fn replayed(line: &Line, all: &[Arc<Line>]) -> Replay {
    let Some(mirrored) = &line.trace.mirrored else { return Replay::of(line, &[]) };
    let original = all.iter().find(|other| other.id == mirrored.line).expect("the original is posted");
    let of_fact = all.iter().filter(|other| other.fact == mirrored.fact && other.plan == original.plan);
    Replay::of(line, &of_fact.cloned().collect::<Vec<_>>())
}

/// Every number of a trace, one after the other, one more and one less; what was looked up is told, not computed with.
fn tampered(line: &Line) -> Vec<(String, [Line; 2])> {
    let trace = serde_json::to_value(&line.trace).expect("a trace is JSON");
    let mut paths = Vec::new();
    numbers("", &trace, &mut paths);
    let told = ["/lookups/", "/totals/", "/to_next", "/figure", "/price/quantity", "/price/before", "/growth", "/days"];
    let computed = paths.into_iter().filter(|path| !told.iter().any(|told| path.contains(told)));
    let changed = computed.map(|path| {
        let both = [Decimal::ONE, -Decimal::ONE].map(|more| {
            let mut other = trace.clone();
            let number = other.pointer_mut(&path).expect("the path was found");
            let value: Decimal = number.as_str().expect("a decimal is a text").parse().expect("it was one");
            *number = json!((value + more).to_string());
            Line { trace: serde_json::from_value(other).expect("still a trace"), ..line.clone() }
        });
        (path, both)
    });
    changed.collect()
}

fn numbers(path: &str, json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Object(members) => {
            members.iter().for_each(|(name, member)| numbers(&format!("{path}/{name}"), member, found));
        }
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| numbers(&format!("{path}/{at}"), item, found));
        }
        Json::String(text) if text.parse::<Decimal>().is_ok() => found.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn every_amount_comes_out_again_and_no_changed_one_does() {
    let mut channel = Channel::open();
    let sale = json!({"number": "s1", "sold_on": "2026-01-15", "product_line": "A", "net": "1000.10",
                      "seller": "b", "dealer": "a"});
    let id = channel.confirmed("channel_sale", sale);
    channel
        .confirmed("channel_return", json!({"number": "r1", "sale": id, "returned_on": "2026-01-20", "net": "333.33"}));
    for n in 1..=21 {
        let job = json!({"number": format!("j{n}"), "partner": "c", "region": "532900", "done_on": "2026-03-05"});
        channel.confirmed("channel_job", job);
    }
    channel.at("2026-04-02T01:00:00Z");
    for month in ["2026-01", "2026-02", "2026-03"] {
        channel.settle("dealer_rebate", month);
    }
    channel.take("channel_sale", &id, "reopen");
    let lines = channel.lines();
    let mut kinds = BTreeSet::new();
    for line in lines {
        let replay = replayed(line, lines);
        assert!(replay.agrees, "{} of {}: {replay:?}", line.line, line.gross);
        kinds.extend(replay.steps.iter().map(|step| step.step));
        let more = Line { gross: line.gross + Decimal::new(1, 2), ..(**line).clone() };
        assert!(!replayed(&more, lines).agrees, "{} with a cent more", line.line);
        for (path, changed) in tampered(line) {
            let differs = changed.iter().any(|changed| !replayed(changed, lines).agrees);
            assert!(differs, "{}: {path} may be changed", line.line);
        }
    }
    use StepKind::{Cap, Due, Entitled, Gross, Parts, Remainder, Rounding, Share, TakenBack};
    for kind in [Parts, Entitled, Due, Share, Remainder, Cap, TakenBack, Rounding, Gross] {
        assert!(kinds.contains(&kind), "{kind:?} is not among {kinds:?}");
    }
    let teller = Teller { model: &channel.0.model, locale: "zh-CN", title: &|_, _| None };
    let told = teller.replay(&replayed(&lines[0], lines));
    assert_eq!((told.sentence.as_str(), told.steps[0].title.as_str()), ("复算一致：5 步均与记录相符", "分润"));
    let without = Line { trace: Arc::default(), ..(*lines[0]).clone() };
    let told = Teller { locale: "en", ..teller }.replay(&replayed(&without, lines));
    assert_eq!(told.sentence, "computed again: 1 of 1 steps differ from what is stored");
}

/// The facts of a quarter, shuffled and cut into runs as the dice say; what is posted in the end.
fn posted(seed: u64) -> BTreeMap<(String, uuid::Uuid), Decimal> {
    let mut dice = Dice(seed);
    let mut channel = Channel::open();
    let mut facts: Vec<(&str, Json)> = Vec::new();
    for n in 0..24_u64 {
        let day = format!("2026-{:02}-{:02}", 1 + n % 3, 1 + n);
        facts.push(match n % 4 {
            0 => (
                "channel_sale",
                json!({"number": format!("s{n}"), "sold_on": day, "dealer": "a", "product_line": "A",
                                         "net": format!("{}.00", 7_000 + 3_000 * n)}),
            ),
            1 => (
                "channel_return",
                json!({"number": format!("r{n}"), "returned_on": day, "dealer": "a", "product_line": "B",
                                           "net": format!("{}.37", 100 * n)}),
            ),
            2 => (
                "channel_sale",
                json!({"number": format!("c{n}"), "sold_on": day, "seller": "a", "net": format!("{}.55", 10 * n)}),
            ),
            _ => (
                "channel_job",
                json!({"number": format!("j{n}"), "partner": "c", "region": "532900",
                                        "done_on": format!("2026-03-{:02}", 1 + n)}),
            ),
        });
    }
    for n in 0..20_u64 {
        facts.push((
            "channel_job",
            json!({"number": format!("k{n}"), "partner": "c", "region": "532900",
                                          "done_on": format!("2026-03-{:02}", 1 + n)}),
        ));
    }
    while !facts.is_empty() {
        let at = dice.roll(facts.len());
        let (name, input) = facts.swap_remove(at);
        let id = channel.confirmed(name, input);
        match dice.roll(6) {
            0 => {
                channel.take(name, &id, "reopen");
                channel.take(name, &id, "confirm");
            }
            1 => {
                let month = format!("2026-{:02}", 1 + dice.roll(3));
                channel.settle("dealer_rebate", &month);
            }
            _ => {}
        }
    }
    for month in ["2026-01", "2026-02", "2026-03"] {
        channel.settle("dealer_rebate", month);
    }
    for (plan, month) in [
        ("dealer_rebate", "2026-01"),
        ("dealer_rebate", "2026-03"),
        ("subsidy", "2026-03"),
        ("distribution", "2026-02"),
    ] {
        let again = channel.settle(plan, month);
        assert_eq!(again["status"], "unchanged", "seed {seed}: {plan} {month}: {again}");
    }
    for (currency, (debit, credit)) in channel.0.trial_balance() {
        assert_eq!(debit, credit, "seed {seed}: entries in {currency}");
    }
    for line in channel.lines() {
        let replay = replayed(line, channel.lines());
        assert!(replay.agrees, "seed {seed}: {} of {}: {replay:?}", line.line, line.gross);
    }
    // What a chain paid adds up to its pool.
    let mut pools: BTreeMap<uuid::Uuid, (Decimal, Decimal)> = BTreeMap::new();
    for line in channel.0.memory.standing() {
        if let Some(chain) = &line.trace.chain {
            let pool = pools.entry(line.fact).or_insert((chain.pool, Decimal::ZERO));
            pool.1 += line.gross;
        }
    }
    assert!(!pools.is_empty() && pools.values().all(|(pool, paid)| pool == paid), "seed {seed}: {pools:?}");
    channel.sums()
}

#[test]
fn the_order_in_which_things_happen_does_not_matter() {
    let first = posted(1);
    let subsidy: Decimal = first.iter().filter(|((line, _), _)| line.starts_with("subsidy")).map(|(_, sum)| *sum).sum();
    assert_eq!(subsidy, Decimal::from(1_000), "the cap of the month");
    for seed in 2..8 {
        let names = |sums: &BTreeMap<(String, uuid::Uuid), Decimal>| -> Vec<(String, Decimal)> {
            sums.iter().map(|((line, _), sum)| (line.clone(), *sum)).collect()
        };
        let (mut expect, mut got) = (names(&first), names(&posted(seed)));
        expect.sort();
        got.sort();
        assert_eq!(got, expect, "seed {seed}");
    }
}
