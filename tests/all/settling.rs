//! Properties of settling, on the bare engine: whatever happens to work orders in whatever order, what is posted adds up
//! to what is owed. Seeds are fixed and named in every failure.

use packwork_engine::moment::{Date, Moment};
use packwork_engine::record::slot;
use packwork_engine::settlement::line::Line;
use packwork_engine::testing::bare::Bare;
use packwork_engine::testing::case::World;
use packwork_engine::value::Value;
use packwork_tests::cases::bare;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const PLAN: &str = "internal_settlement";
const PARTNERS: [(&str, &str); 4] =
    [("joint1", "joint"), ("joint2", "joint"), ("direct1", "direct"), ("dist1", "distribution")];

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        let sides = u64::try_from(from.len()).expect("a slice's length fits");
        if sides == 0 { None } else { from.get(usize::try_from(self.roll(sides)).expect("an index fits")) }
    }

    /// 0.25 to 30.00, in quarters: two digits, so that no line is rounded.
    fn quantity(&mut self) -> String {
        Decimal::new(25 * i64::try_from(1 + self.roll(120)).expect("a small number fits"), 2).to_string()
    }

    /// A moment of a day of March 2026, sometimes of April.
    fn finished_at(&mut self) -> String {
        let month = if self.roll(5) == 0 { 4 } else { 3 };
        format!("2026-{month:02}-{:02}T{:02}:30:00+08:00", 1 + self.roll(28), self.roll(24))
    }
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

/// What is done to work orders; every answer must be an acceptance.
struct Shop {
    bare: Bare,
    orders: Vec<String>,
}

impl Shop {
    fn open() -> Shop {
        let mut shop = Shop { bare: bare(), orders: Vec::new() };
        shop.at("2026-03-01T09:00:00+08:00");
        shop.create("legal_entity", json!({"code": "le_hq", "name": "总部"}));
        shop.create("department", json!({"code": "ops", "name": "运营部", "legal_entity": "le_hq"}));
        shop.create("customer", json!({"code": "c", "name": "客户", "address": "上海市浦东新区张江路88号"}));
        for (code, mode) in PARTNERS {
            shop.create("legal_entity", json!({"code": format!("le_{code}"), "name": code}));
            shop.create(
                "partner",
                json!({"code": code, "name": code, "mode": mode, "legal_entity": format!("le_{code}")}),
            );
        }
        shop
    }

    fn at(&mut self, moment: &str) {
        let moment = Moment::parse(moment).expect("the test's moment is one");
        self.bare.set_now(moment).expect("the bare engine goes anywhere in time");
    }

    fn create(&mut self, name: &str, input: Json) -> String {
        let created =
            self.bare.create(name, &object(input)).unwrap_or_else(|refused| panic!("creating {name}: {refused}"));
        created["id"].as_str().expect("a record has an id").to_owned()
    }

    /// A work order, started.
    fn order(&mut self, partner: &str, quantity: &str) -> String {
        let id = self.create(
            "work_order",
            json!({"template": "inspection", "customer": "c", "service": "inspection", "quantity": quantity, "partner": partner, "department": "ops"}),
        );
        self.take(&id, "dispatch", json!({}));
        self.take(&id, "start", json!({}));
        self.orders.push(id.clone());
        id
    }

    fn take(&mut self, id: &str, transition: &str, input: Json) {
        let taken = self.bare.transition("work_order", id, transition, &object(input));
        taken.unwrap_or_else(|refused| panic!("{transition} of {id}: {refused}"));
    }

    fn settle(&mut self, period: &str) -> Json {
        self.bare.settle(PLAN, period).unwrap_or_else(|refused| panic!("settling {period}: {refused}"))
    }

    fn close(&mut self, period: &str) {
        self.bare.close("month", period).unwrap_or_else(|refused| panic!("closing {period}: {refused}"));
    }

    fn in_state(&self, state: &str) -> Vec<String> {
        let record = |id: &&String| {
            self.bare.memory.get("work_order", id.parse().expect("an id")).expect("an order stays, deleted or not")
        };
        self.orders.iter().filter(|id| !record(id).is_deleted() && record(id).state() == Some(state)).cloned().collect()
    }

    /// One thing that may happen to a work order.
    fn happen(&mut self, dice: &mut Dice) {
        let (running, completed) = (self.in_state("in_progress"), self.in_state("completed"));
        match (dice.roll(15), dice.pick(&running), dice.pick(&completed)) {
            (0..=5, Some(id), _) => {
                let finished = dice.finished_at();
                self.take(id, "complete", json!({"finished_at": finished}));
            }
            (6 | 7, _, Some(id)) => self.take(id, "reopen", json!({})),
            (8..=11, _, Some(id)) => {
                let quantity = dice.quantity();
                self.take(id, "correct", json!({"quantity": quantity}));
            }
            (12, _, Some(id)) => {
                self.bare.delete("work_order", id).unwrap_or_else(|refused| panic!("deleting: {refused}"));
            }
            (13 | 14, Some(id), _) => {
                let (partner, _) = PARTNERS[usize::try_from(dice.roll(4)).expect("a small number fits")];
                let changed = self.bare.update("work_order", id, &object(json!({"partner": partner})));
                changed.unwrap_or_else(|refused| panic!("reassigning: {refused}"));
            }
            _ => {}
        }
    }
}

/// What a quantity of a period costs, written down a second time.
fn owed(partner: &str, quantity: Decimal) -> Decimal {
    let up_to = |bound: i64| quantity.min(Decimal::from(bound));
    match partner {
        "joint1" | "joint2" => {
            let first = up_to(10);
            let second = up_to(50) - first;
            let third = quantity - first - second;
            first * Decimal::from(95) + second * Decimal::from(90) + third * Decimal::from(85)
        }
        "direct1" => quantity * Decimal::from(120),
        _ => quantity * Decimal::from(100),
    }
}

type Totals = BTreeMap<(String, String), Decimal>;

/// Completed quantities by partner and the period of their business date.
fn quantities(shop: &Shop) -> Totals {
    let model = shop.bare.model.clone();
    let orders = model.object("work_order").expect("the pack has work orders");
    let at = |name: &str| orders.field(name).expect("the work order has the field").0;
    let (partner, quantity, day) = (
        at("partner"),
        at("quantity"),
        model.plans[PLAN].in_state().expect("its facts are records in a state").day_slot,
    );
    let mut totals = Totals::new();
    for order in
        shop.bare.memory.live("work_order").filter(|order| order.values[slot::STATE] == Value::from("completed"))
    {
        let code = code_of(shop, order.values[partner].as_id().expect("a completed order has a partner"));
        let date: Date = order.values[day].as_date().expect("a completed order has a business date");
        *totals.entry((code, format!("{}", date.strftime("%Y-%m")))).or_default() +=
            order.values[quantity].as_decimal().expect("a quantity");
    }
    totals
}

fn code_of(shop: &Shop, partner: Uuid) -> String {
    let slot = shop.bare.model.object("partner").and_then(|object| object.key).expect("partners have a key");
    let record = shop.bare.memory.get("partner", partner).expect("the partner is there");
    record.values[slot].as_text().expect("keys are texts").to_owned()
}

/// Posted amounts, reversals and all, by payee and service period.
fn posted(shop: &Shop) -> Totals {
    let mut totals = Totals::new();
    for line in &shop.bare.memory.lines {
        *totals.entry((code_of(shop, line.payee.id), line.service_period.to_string())).or_default() += line.gross;
    }
    totals
}

/// What stands must be what is owed, period by period.
fn adds_up(shop: &Shop, when: &str) {
    let quantities = quantities(shop);
    let posted = posted(shop);
    for key in quantities.keys().chain(posted.keys()) {
        let quantity = quantities.get(key).copied().unwrap_or_default();
        let sum = posted.get(key).copied().unwrap_or_default();
        assert_eq!(sum, owed(&key.0, quantity), "{when}: posted for {quantity} of {} in {}", key.0, key.1);
    }
}

/// What holds at any time: the ledger balances, reversals are the mirror of what they take back, and line, statement
/// and net agree.
fn is_sound(shop: &mut Shop, when: &str) {
    for (currency, (debit, credit)) in shop.bare.trial_balance() {
        assert_eq!(debit, credit, "{when}: {currency}");
    }
    let lines: BTreeMap<Uuid, Arc<Line>> = shop.bare.memory.lines.iter().map(|line| (line.id, line.clone())).collect();
    for line in lines.values() {
        assert_eq!(line.gross, line.net + line.tax, "{when}: gross is net and tax");
        let Some(former) = line.reverses.map(|former| &lines[&former]) else { continue };
        let sums =
            [line.gross + former.gross, line.net + former.net, line.tax + former.tax, line.quantity + former.quantity];
        assert!(sums.iter().all(Decimal::is_zero), "{when}: a reversal and its line add up to nothing, not {sums:?}");
        assert_eq!((&line.payer, &line.payee, line.fact), (&former.payer, &former.payee, former.fact), "{when}");
    }
}

/// Nothing is left to do for a run, and a run that does nothing writes nothing.
fn is_settled(shop: &mut Shop, when: &str) {
    for period in ["2026-03", "2026-04"] {
        let before = shop.bare.memory.lines.len();
        let run = shop.settle(period);
        assert_eq!(run["status"], "unchanged", "{when}: {period}: {run}");
        assert_eq!(run["lines"], 0, "{when}: {period}");
        assert_eq!(shop.bare.memory.lines.len(), before, "{when}: {period}");
    }
}

#[test]
fn in_an_open_period_what_is_posted_is_what_is_owed() {
    for seed in 1..=12 {
        let mut dice = Dice(seed);
        let mut shop = Shop::open();
        for (partner, _) in PARTNERS.iter().chain(&PARTNERS[..2]).chain(&PARTNERS[..2]) {
            let quantity = dice.quantity();
            shop.order(partner, &quantity);
        }
        for step in 1..=30 {
            let when = format!("seed {seed}, step {step}");
            shop.happen(&mut dice);
            adds_up(&shop, &when);
            is_sound(&mut shop, &when);
            is_settled(&mut shop, &when);
        }
        let reversed = shop.bare.memory.lines.iter().filter(|line| line.reverses.is_some()).count();
        assert!(reversed > 0, "seed {seed}: too little happened to show anything");
    }
}

#[test]
fn a_run_over_many_orders_posts_what_is_owed() {
    for seed in 1..=6 {
        let mut dice = Dice(seed);
        let mut shop = Shop::open();
        // In December there was no price, so nothing is posted until the row comes.
        let complete = |shop: &mut Shop, dice: &mut Dice, partner: &str| {
            let quantity = dice.quantity();
            let id = shop.order(partner, &quantity);
            let finished = format!("2025-12-{:02}T10:00:00+08:00", 1 + dice.roll(31));
            shop.take(&id, "complete", json!({"finished_at": finished}));
            id
        };
        for index in 0..6 {
            complete(&mut shop, &mut dice, PARTNERS[index % 2].0);
        }
        let run = shop.settle("2025-12");
        assert_eq!((&run["status"], &run["lines"]), (&json!("partial"), &json!(0)), "seed {seed}: {run}");
        let row = json!({"id": "december", "service": "inspection", "tier": "*", "mode": "joint",
                         "price": {"schedule": "joint_steps"}, "valid": ["2025-12-01", "2026-01-01"]});
        shop.bare.add_rate("internal_price", &object(row)).unwrap_or_else(|refused| panic!("adding a rate: {refused}"));
        // One of each partner comes in before the run, and settles alone.
        for (partner, _) in &PARTNERS[..2] {
            complete(&mut shop, &mut dice, partner);
        }
        let run = shop.settle("2025-12");
        assert_eq!(run["status"], "completed", "seed {seed}: {run}");
        adds_up(&shop, &format!("seed {seed}"));
        is_sound(&mut shop, &format!("seed {seed}"));
        let again = shop.settle("2025-12");
        assert_eq!((&again["status"], &again["lines"]), (&json!("unchanged"), &json!(0)), "seed {seed}");
    }
}

#[test]
fn late_orders_of_a_closed_period_add_to_what_was_posted() {
    for seed in 1..=8 {
        let mut dice = Dice(seed);
        let mut shop = Shop::open();
        let ids: Vec<String> = (0..10)
            .map(|index| {
                let (partner, _) = PARTNERS[index % 2];
                let quantity = dice.quantity();
                shop.order(partner, &quantity)
            })
            .collect();
        let (early, late) = ids.split_at(5);
        for id in early {
            let finished = format!("2026-03-{:02}T10:00:00+08:00", 1 + dice.roll(31));
            shop.take(id, "complete", json!({"finished_at": finished}));
        }
        shop.at("2026-04-02T09:00:00+08:00");
        shop.close("2026-03");
        let frozen = shop.bare.memory.lines.len();
        for (step, id) in late.iter().enumerate() {
            let when = format!("seed {seed}, late order {step}");
            let finished = format!("2026-03-{:02}T10:00:00+08:00", 1 + dice.roll(31));
            shop.take(id, "complete", json!({"finished_at": finished}));
            adds_up(&shop, &when);
            is_sound(&mut shop, &when);
            is_settled(&mut shop, &when);
        }
        let late = &shop.bare.memory.lines[frozen..];
        assert!(
            late.iter().all(|line| *line.period == *"2026-04" && line.corrects.as_deref() == Some("2026-03")),
            "seed {seed}"
        );
        assert_eq!(late.len(), 5, "seed {seed}: one line per late order, and the earlier ones stay");
    }
}

#[test]
fn after_closing_anything_that_happens_stays_sound() {
    for seed in 1..=8 {
        let mut dice = Dice(seed);
        let mut shop = Shop::open();
        for (partner, _) in PARTNERS.iter().chain(&PARTNERS[..2]).chain(&PARTNERS[..2]) {
            let quantity = dice.quantity();
            shop.order(partner, &quantity);
        }
        for _ in 1..=12 {
            shop.happen(&mut dice);
        }
        shop.at("2026-04-02T09:00:00+08:00");
        shop.close("2026-03");
        let frozen: Vec<Arc<Line>> = shop.bare.memory.lines.clone();
        for step in 1..=20 {
            let when = format!("seed {seed}, step {step} after closing");
            shop.happen(&mut dice);
            is_sound(&mut shop, &when);
            is_settled(&mut shop, &when);
        }
        let later = shop.bare.memory.lines.split_off(frozen.len());
        assert_eq!(shop.bare.memory.lines, frozen, "seed {seed}: posted lines never change");
        assert!(later.iter().all(|line| *line.period != *"2026-03"), "seed {seed}: nothing enters the closed period");
    }
}

#[test]
fn the_order_of_completion_does_not_matter() {
    /// Standing amounts by fact, for completions taken in an order.
    fn settled(quantities: &[(String, String)], order: &[usize]) -> (Totals, BTreeMap<Uuid, Decimal>) {
        let mut shop = Shop::open();
        let ids: Vec<String> = quantities
            .iter()
            .enumerate()
            .map(|(index, (quantity, _))| shop.order(PARTNERS[index % 2].0, quantity))
            .collect();
        for index in order {
            let finished = &quantities[*index].1;
            shop.take(&ids[*index], "complete", json!({"finished_at": finished}));
        }
        let standing = shop.bare.memory.standing();
        (posted(&shop), standing.iter().map(|line| (line.fact, line.gross)).collect())
    }
    for seed in 1..=6 {
        let mut dice = Dice(seed);
        let quantities: Vec<(String, String)> = (0..8).map(|_| (dice.quantity(), dice.finished_at())).collect();
        let mut order: Vec<usize> = (0..quantities.len()).collect();
        let expected = settled(&quantities, &order);
        for _ in 0..4 {
            for index in (1..order.len()).rev() {
                let other = usize::try_from(dice.roll(u64::try_from(index + 1).expect("small"))).expect("small");
                order.swap(index, other);
            }
            assert_eq!(settled(&quantities, &order), expected, "seed {seed}, completed in the order {order:?}");
        }
    }
}

/// Case rerun-idempotent: the first run writes ten lines, the second none.
#[test]
fn a_run_that_is_made_twice_writes_nothing_the_second_time() {
    let mut shop = Shop::open();
    for index in 0..10 {
        let id = shop.order(PARTNERS[index % 2].0, "1");
        let finished = format!("2025-12-{:02}T10:00:00+08:00", 1 + index);
        shop.take(&id, "complete", json!({"finished_at": finished}));
    }
    let row = json!({"id": "december", "service": "inspection", "tier": "*", "mode": "joint",
                     "price": {"schedule": "joint_steps"}, "valid": ["2025-12-01", "2026-01-01"]});
    shop.bare.add_rate("internal_price", &object(row)).unwrap_or_else(|refused| panic!("adding a rate: {refused}"));
    let runs: Vec<(Json, Json)> = (0..2)
        .map(|_| {
            let run = shop.settle("2025-12");
            (run["lines"].clone(), run["status"].clone())
        })
        .collect();
    assert_eq!(runs, [(json!(10), json!("completed")), (json!(0), json!("unchanged"))]);
}

/// Case late-event-closed-period: 5 % of 100, of 28 March, after March was closed.
#[test]
fn a_late_order_of_a_closed_period_is_posted_in_the_open_one_and_says_what_it_corrects() {
    let mut shop = Shop::open();
    let row = json!({"id": "survey", "service": "on_site_survey", "tier": "tier1", "mode": "direct", "price": "0.05",
                     "valid": ["2026-01-01", null]});
    shop.bare.add_rate("internal_price", &object(row)).unwrap_or_else(|refused| panic!("adding a rate: {refused}"));
    shop.at("2026-04-02T09:00:00+08:00");
    shop.close("2026-03");
    shop.at("2026-04-12T09:00:00+08:00");
    let id = shop.create(
        "work_order",
        json!({"template": "inspection", "customer": "c", "service": "on_site_survey", "quantity": "100", "partner": "direct1", "department": "ops"}),
    );
    shop.take(&id, "dispatch", json!({}));
    shop.take(&id, "start", json!({}));
    shop.take(&id, "complete", json!({"finished_at": "2026-03-28T10:00:00+08:00"}));
    let lines: Vec<_> = shop
        .bare
        .memory
        .lines
        .iter()
        .map(|line| (&*line.period, &*line.service_period, line.gross, line.corrects.as_deref()))
        .collect();
    assert_eq!(lines, [("2026-04", "2026-03", Decimal::from(5), Some("2026-03"))]);
}

/// Case oca-settled-immutable: no command changes a posted line; a correction is a reversal and a new line.
#[test]
fn a_settled_line_is_corrected_by_new_lines_only() {
    let mut shop = Shop::open();
    let id = shop.order("direct1", "1");
    shop.take(&id, "complete", json!({"finished_at": "2026-03-05T10:00:00+08:00"}));
    let settled: Vec<Arc<Line>> = shop.bare.memory.lines.clone();
    shop.take(&id, "correct", json!({"quantity": "2"}));
    let lines = &shop.bare.memory.lines;
    assert_eq!(lines[..settled.len()], settled[..]);
    assert_eq!((lines.len(), lines[1].reverses, lines[1].gross), (3, Some(lines[0].id), -lines[0].gross));
}

/// What was taken back out of a closed period leaves the steps of those behind it as they were; the next late order makes
/// up for them: it is the price of all less what stands.
#[test]
fn after_a_reversal_out_of_a_closed_period_a_late_order_makes_up_for_the_steps() {
    let mut shop = Shop::open();
    let [first, second, late] = ["8", "7", "3"].map(|quantity| shop.order("joint1", quantity));
    for (id, day) in [(&first, 5), (&second, 6)] {
        shop.take(id, "complete", json!({"finished_at": format!("2026-03-{day:02}T10:00:00+08:00")}));
    }
    shop.at("2026-04-02T09:00:00+08:00");
    shop.close("2026-03");
    shop.take(&first, "reopen", json!({}));
    shop.take(&late, "complete", json!({"finished_at": "2026-03-20T10:00:00+08:00"}));
    let total: Decimal = shop.bare.memory.lines.iter().map(|line| line.gross).sum();
    assert_eq!((total, owed("joint1", Decimal::from(10))), (Decimal::from(950), Decimal::from(950)));
    let line = shop.bare.memory.lines.last().expect("it was settled");
    let price = line.trace.price.as_ref().expect("it was priced");
    assert_eq!(
        (line.gross, price.before, price.made_up),
        (Decimal::from(310), Some(Decimal::from(7)), Some(Decimal::from(25)))
    );
}
