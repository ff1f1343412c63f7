//! Schedules against the acceptance cases, every fault, and the algebra of differences.

use super::super::rounding::seeded::{Sequence, number, numbers};
use super::{
    Applied, ApplyError, Bounds, Draft, Jump, Mode, Negative, Schedule, ScheduleFault, TIERS_MAX, Tier, ZeroUsage,
};
use rust_decimal::Decimal;

fn optional(text: &str) -> Option<Decimal> {
    (!text.is_empty()).then(|| number(text))
}

/// Tiers as `[up_to, rate, flat]`; in quick deduction the third is the deduction, and in block modes
/// a tier is `[block, max_blocks, rate]`. Empty is absent.
fn tiers(mode: Mode, rows: &[[&str; 3]]) -> Vec<Tier> {
    let tier = |row: &[&str; 3]| match mode {
        Mode::Package | Mode::GraduatedBlock | Mode::VolumeBlock => {
            Tier { block: optional(row[0]), max_blocks: optional(row[1]), rate: number(row[2]), ..Tier::default() }
        }
        Mode::QuickDeduction => {
            Tier { up_to: optional(row[0]), rate: number(row[1]), deduct: number(row[2]), ..Tier::default() }
        }
        _ => Tier { up_to: optional(row[0]), rate: number(row[1]), flat: number(row[2]), ..Tier::default() },
    };
    rows.iter().map(tier).collect()
}

fn schedule(mode: Mode, rows: &[[&str; 3]]) -> Schedule {
    Schedule::new(Draft::new(mode, tiers(mode, rows))).expect("a sound schedule")
}

fn amounts(schedule: &Schedule, quantities: &[&str]) -> Vec<Decimal> {
    numbers(quantities).into_iter().map(|quantity| schedule.apply(quantity).expect("inside").amount).collect()
}

/// The parts as `(tier, quantity, rate, flat, amount)`.
fn parts(applied: &Applied) -> Vec<(usize, String, String, String, String)> {
    let text = |number: Decimal| number.normalize().to_string();
    let part =
        |part: &super::Part| (part.tier, text(part.quantity), text(part.rate), text(part.flat), text(part.amount));
    applied.parts.iter().map(part).collect()
}

fn part(tier: usize, numbers: [&str; 4]) -> (usize, String, String, String, String) {
    let [quantity, rate, flat, amount] = numbers.map(String::from);
    (tier, quantity, rate, flat, amount)
}

struct Case {
    id: &'static str,
    mode: Mode,
    tiers: &'static [[&'static str; 3]],
    free: &'static str,
    zero: Option<ZeroUsage>,
    quantities: &'static [&'static str],
    amounts: &'static [&'static str],
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { id: "stripe-vol-typographic", mode: Mode::Volume, tiers: &[["5", "7", "0"], ["10", "6.5", "0"], ["", "6", "0"]], free: "0", zero: None, quantities: &["1", "5", "6", "20", "25"], amounts: &["7", "35", "39", "120", "150"] },
    Case { id: "stripe-old-per-unit", mode: Mode::Volume, tiers: &[["", "5", "0"]], free: "0", zero: None, quantities: &["1", "5", "6", "20", "25"], amounts: &["5", "25", "30", "100", "125"] },
    Case { id: "stripe-volume-boundary-inversion", mode: Mode::Volume, tiers: &[["5", "5", "0"], ["10", "4", "0"], ["15", "3", "0"], ["20", "2", "0"], ["", "1", "0"]], free: "0", zero: None, quantities: &["10", "10.000001", "11"], amounts: &["40", "30.000003", "33"] },
    Case { id: "zuplo-vol-15000", mode: Mode::Volume, tiers: &[["1000", "0.10", "0"], ["10000", "0.05", "0"], ["", "0.01", "0"]], free: "0", zero: None, quantities: &["15000"], amounts: &["150"] },
    Case { id: "openmeter-volume", mode: Mode::Volume, tiers: &[["5", "0", "100"], ["10", "0", "150"], ["15", "10", "0"], ["", "5", "0"]], free: "0", zero: None, quantities: &["0", "3", "5", "14", "15", "16", "100"], amounts: &["100", "100", "100", "140", "150", "80", "500"] },
    Case { id: "stripe-grad-typographic-5", mode: Mode::Graduated, tiers: &[["5", "7", "0"], ["10", "6.5", "0"], ["", "6", "0"]], free: "0", zero: None, quantities: &["5"], amounts: &["35"] },
    Case { id: "stripe-grad-typographic-more", mode: Mode::Graduated, tiers: &[["5", "7", "0"], ["10", "6.5", "0"], ["", "6", "0"]], free: "0", zero: None, quantities: &["1", "6", "20", "25"], amounts: &["7", "41.5", "127.5", "157.5"] },
    Case { id: "stripe-old-grad-more", mode: Mode::Graduated, tiers: &[["5", "5", "0"], ["10", "4", "0"], ["15", "3", "0"], ["20", "2", "0"], ["", "1", "0"]], free: "0", zero: None, quantities: &["1", "5", "20", "25"], amounts: &["5", "25", "70", "75"] },
    Case { id: "lago-graduated-flat", mode: Mode::Graduated, tiers: &[["10", "10", "2"], ["20", "5", "3"], ["", "5", "3"]], free: "0", zero: Some(ZeroUsage::FirstFlat), quantities: &["0", "1", "10", "11", "12", "21"], amounts: &["2", "12", "102", "110", "115", "163"] },
    Case { id: "lago-graduated-decimal-bounds", mode: Mode::Graduated, tiers: &[["0.1", "10", "0"], ["1", "5", "0"], ["", "2", "0"]], free: "0", zero: None, quantities: &["0.05", "0.5"], amounts: &["0.5", "3.0"] },
    Case { id: "openmeter-grad-boundaries", mode: Mode::Graduated, tiers: &[["5", "0", "100"], ["10", "0", "50"], ["15", "10", "0"], ["", "5", "0"]], free: "0", zero: Some(ZeroUsage::FirstFlat), quantities: &["0", "3", "5", "5.001", "7", "12", "22"], amounts: &["100", "100", "100", "150", "150", "170", "235"] },
    Case { id: "aws-consolidated-pooled", mode: Mode::Graduated, tiers: &[["10240", "0.17", "0"], ["", "0.13", "0"]], free: "0", zero: None, quantities: &["12288"], amounts: &["2007.04"] },
    Case { id: "aws-consolidated-unpooled", mode: Mode::Graduated, tiers: &[["10240", "0.17", "0"], ["", "0.13", "0"]], free: "0", zero: None, quantities: &["8192", "4096"], amounts: &["1392.64", "696.32"] },
    Case { id: "killbill-docs-videos-13", mode: Mode::Graduated, tiers: &[["5", "2", "0"], ["", "1", "0"]], free: "0", zero: None, quantities: &["13"], amounts: &["18"] },
    Case { id: "plude-grad-2500", mode: Mode::Graduated, tiers: &[["1000", "400", "15000"], ["2000", "300", "10000"], ["", "200", "0"]], free: "0", zero: None, quantities: &["2500"], amounts: &["825000"] },
    Case { id: "flexprice-package-4500", mode: Mode::Package, tiers: &[["1000", "", "1"]], free: "0", zero: None, quantities: &["4500"], amounts: &["5"] },
    Case { id: "lago-package-121", mode: Mode::Package, tiers: &[["10", "", "100"]], free: "0", zero: None, quantities: &["121"], amounts: &["1300"] },
    Case { id: "lago-docs-package-201", mode: Mode::Package, tiers: &[["100", "", "5"]], free: "100", zero: None, quantities: &["201"], amounts: &["10"] },
    Case { id: "openmeter-package", mode: Mode::Package, tiers: &[["10", "", "15"]], free: "0", zero: None, quantities: &["5", "10", "22"], amounts: &["15", "15", "45"] },
    Case { id: "lago-graduated-percentage", mode: Mode::GraduatedPercentage, tiers: &[["10", "0.01", "200"], ["20", "0.02", "300"], ["", "0.03", "400"]], free: "0", zero: None, quantities: &["0", "1", "10", "11", "21"], amounts: &["200", "200.01", "200.1", "500.12", "900.33"] },
    Case { id: "cn-iit-annual-graduated", mode: Mode::GraduatedPercentage, tiers: &[["36000", "0.03", "0"], ["144000", "0.10", "0"], ["300000", "0.20", "0"], ["420000", "0.25", "0"], ["660000", "0.30", "0"], ["960000", "0.35", "0"], ["", "0.45", "0"]], free: "0", zero: None, quantities: &["0", "36000", "36001", "144000", "300000", "420000", "660000", "960000", "1000000"], amounts: &["0", "1080", "1080.1", "11880", "43080", "73080", "145080", "250080", "268080"] },
    Case { id: "uk-sdlt-2022-300000", mode: Mode::GraduatedPercentage, tiers: &[["250000", "0", "0"], ["925000", "0.05", "0"], ["1500000", "0.10", "0"], ["", "0.12", "0"]], free: "0", zero: None, quantities: &["300000"], amounts: &["2500"] },
    Case { id: "killbill-blocks-5325", mode: Mode::GraduatedBlock, tiers: &[["100", "10", "1"], ["1000", "100", "1"]], free: "0", zero: None, quantities: &["5325"], amounts: &["15"] },
    Case { id: "killbill-top-tier-blocks", mode: Mode::VolumeBlock, tiers: &[["100", "10", "1"], ["1000", "100", "1"], ["1000", "100", "0.5"]], free: "0", zero: None, quantities: &["1000", "101000", "101001"], amounts: &["10", "101", "51"] },
    Case { id: "killbill-top-tier-unlimited", mode: Mode::VolumeBlock, tiers: &[["100", "10", "10"], ["100", "", "1"]], free: "0", zero: None, quantities: &["2000"], amounts: &["20"] },
    Case { id: "cn-court-fee-quick-add", mode: Mode::QuickDeduction, tiers: &[["10000", "0", "-50"], ["100000", "0.025", "200"], ["200000", "0.02", "-300"], ["500000", "0.015", "-1300"], ["1000000", "0.01", "-3800"], ["2000000", "0.009", "-4800"], ["5000000", "0.008", "-6800"], ["10000000", "0.007", "-11800"], ["20000000", "0.006", "-21800"], ["", "0.005", "-41800"]], free: "0", zero: None, quantities: &["10000", "10001", "100000", "200000", "350000", "500000", "1000000", "2000000", "5000000", "10000000", "20000000", "30000000"], amounts: &["50", "50.025", "2300", "4300", "6550", "8800", "13800", "22800", "46800", "81800", "141800", "191800"] },
    Case { id: "cn-iit-annual-quick-deduction", mode: Mode::QuickDeduction, tiers: &[["36000", "0.03", "0"], ["144000", "0.10", "2520"], ["300000", "0.20", "16920"], ["420000", "0.25", "31920"], ["660000", "0.30", "52920"], ["960000", "0.35", "85920"], ["", "0.45", "181920"]], free: "0", zero: None, quantities: &["0", "36000", "36001", "144000", "300000", "420000", "660000", "960000", "1000000"], amounts: &["0", "1080", "1080.1", "11880", "43080", "73080", "145080", "250080", "268080"] },
];

#[test]
fn acceptance_cases_of_tiers() {
    for case in CASES {
        let mut draft = Draft::new(case.mode, tiers(case.mode, case.tiers));
        draft.zero_usage = case.zero.unwrap_or(draft.zero_usage);
        draft.free_units = number(case.free);
        let schedule = Schedule::new(draft).unwrap_or_else(|faults| panic!("{}: {faults:?}", case.id));
        assert_eq!(amounts(&schedule, case.quantities), numbers(case.amounts), "{}", case.id);
    }
}

#[test]
fn acceptance_cases_that_combine_schedules() {
    // killbill-cell-two-meters: two meters, each by the package.
    let meter = |block: &str, price: &str, usage: &str| {
        schedule(Mode::Package, &[[block, "", price]]).apply(number(usage)).expect("inside").amount
    };
    assert_eq!(meter("1000", "0.5", "1000") + meter("512", "0.3", "30720"), number("18.5"));

    // killbill-capacity: the highest step any of the units reaches.
    let steps = |first: &str, second: &str| {
        schedule(Mode::Stairstep, &[[first, "0", "10"], [second, "0", "20"], ["", "0", "30"]])
    };
    let units = [steps("100", "200"), steps("1000", "2000"), steps("50", "100")];
    for (usage, expect) in [
        (["100", "1000", "50"], "10"),
        (["100", "1001", "0"], "20"),
        (["101", "1000", "0"], "20"),
        (["10", "2001", "0"], "30"),
    ] {
        let reached = units.iter().zip(numbers(&usage)).map(|(steps, used)| steps.tier_of(used).expect("inside"));
        let tier = reached.max().expect("three units");
        assert_eq!(units[0].tiers()[tier].flat, number(expect), "{usage:?}");
    }

    // salesforce-tier-rate-discount: discounts of 0, 10 and 20 percent on a base of 0.5.
    let discounted = schedule(Mode::Graduated, &[["10", "0.5", "0"], ["60", "0.45", "0"], ["", "0.40", "0"]]);
    let applied = discounted.apply(number("100")).expect("inside");
    assert_eq!(applied.amount, number("43.5"));
    assert_eq!(applied.parts.iter().map(|part| part.amount).collect::<Vec<_>>(), numbers(&["5", "22.5", "16"]));

    // lago-prorated-graduated: tiers by whole units, money by the part of the period.
    let plan = schedule(Mode::Graduated, &[["5", "10", "100"], ["", "5", "50"]]);
    let mut total = Decimal::ZERO;
    let mut used = Decimal::ZERO;
    for (full, prorated) in [("5", "3.5"), ("5", "2.66667"), ("10", "2"), ("-6", "-2.2")] {
        let (full, prorated) = (number(full), number(prorated));
        let change = plan.between(used, used + full).expect("inside").prorated(prorated, full).expect("inside");
        total += change.amount;
        used += full;
    }
    assert_eq!(total.round_dp(2), number("197.33"));
}

#[test]
fn acceptance_cases_of_differences() {
    let check = |id: &str, schedule: &Schedule, cumulative: &[&str], expect: &[&str]| {
        let cumulative = numbers(cumulative);
        let before = [Decimal::ZERO].into_iter().chain(cumulative.iter().copied());
        let deltas =
            before.zip(&cumulative).map(|(before, after)| schedule.between(before, *after).expect("inside").amount);
        assert_eq!(deltas.collect::<Vec<_>>(), numbers(expect), "{id}");
    };
    let sap = schedule(Mode::Graduated, &[["100", "4.00", "0"], ["200", "3.90", "0"], ["", "3.80", "0"]]);
    check("sap-cumulative-graduated", &sap, &["50", "150", "250"], &["200", "395", "385"]);
    let sections = [["100000", "0.01", "0"], ["300000", "0.02", "0"], ["", "0.03", "0"]];
    let months = ["80000", "180000", "350000", "290000"];
    let whole = schedule(Mode::VolumePercentage, &sections);
    check("rebate-quarter-retroactive", &whole, &months, &["800", "2800", "6900", "-4700"]);
    let marginal = schedule(Mode::GraduatedPercentage, &sections);
    check("rebate-quarter-incremental", &marginal, &months, &["800", "1800", "3900", "-1700"]);
    let drop = schedule(Mode::Volume, &[["15", "10", "0"], ["", "5", "0"]]);
    check("openmeter-delta-volume-drop", &drop, &["15", "16", "16"], &["150", "-70", "0"]);
    check("openmeter-delta-same-tier", &drop, &["12", "14"], &["120", "20"]);
    let withheld =
        schedule(Mode::QuickDeduction, &[["36000", "0.03", "0"], ["144000", "0.10", "2520"], ["", "0.20", "16920"]]);
    check("cn-iit-cumulative-withholding-30000", &withheld, &["18500", "37000", "55500"], &["555", "625", "1850"]);
    // The published last bounds of 20000 are never reached.
    let steps = schedule(
        Mode::GraduatedPercentage,
        &[["1000", "0.01", "0"], ["3000", "0.02", "0"], ["8000", "0.03", "0"], ["", "0.05", "0"]],
    );
    let sales = ["200", "500", "2000", "3200", "5200", "9700"];
    check("oracle-step-cumulative", &steps, &sales, &["2", "3", "25", "26", "60", "169"]);
}

#[test]
fn a_difference_says_which_parts_moved() {
    let check = |schedule: &Schedule, before: &str, after: &str, expect: &[(usize, [&str; 4])]| {
        let applied = schedule.between(number(before), number(after)).expect("inside");
        let expect: Vec<_> = expect.iter().map(|(tier, numbers)| part(*tier, *numbers)).collect();
        assert_eq!(parts(&applied), expect, "{before} to {after}");
        assert_eq!(applied.amount, applied.parts.iter().map(|part| part.amount).sum());
    };
    let steps = schedule(Mode::Graduated, &[["10", "95.00", "0"], ["50", "90.00", "0"], ["", "85", "0"]]);
    check(&steps, "8", "15", &[(0, ["2", "95", "0", "190"]), (1, ["5", "90", "0", "450"])]);
    check(&steps, "15", "8", &[(0, ["-2", "95", "0", "-190"]), (1, ["-5", "90", "0", "-450"])]);
    check(&steps, "11", "12", &[(1, ["1", "90", "0", "90"])]);
    check(&steps, "12", "12", &[]);
    check(&steps, "2", "-2", &[(0, ["-4", "95", "0", "-380"])]);
    // openmeter-delta-volume-drop: the old line is reversed, the new one replaces it.
    let drop = schedule(Mode::Volume, &[["15", "10", "0"], ["", "5", "0"]]);
    check(&drop, "15", "16", &[(1, ["16", "5", "0", "80"]), (0, ["-15", "10", "0", "-150"])]);
    // openmeter-delta-flat-tier; its published last bound of 10 is never reached.
    let mut flat = Draft::new(Mode::Volume, tiers(Mode::Volume, &[["5", "0", "100"], ["", "0", "150"]]));
    flat.zero_usage = ZeroUsage::None;
    let flat = Schedule::new(flat).expect("sound");
    check(&flat, "0", "5", &[(0, ["5", "0", "100", "100"])]);
    check(&flat, "5", "7", &[(1, ["7", "0", "150", "150"]), (0, ["-5", "0", "-100", "-100"])]);
}

#[test]
fn acceptance_cases_of_commission() {
    // affiliate-slab: a sale on the bound belongs to the tier above.
    let rows = [["50", "0.10", "0"], ["100", "0.15", "0"], ["", "0.20", "0"]];
    let mut draft = Draft::new(Mode::VolumePercentage, tiers(Mode::VolumePercentage, &rows));
    draft.bounds = Bounds::LowerInclusive;
    let slab = Schedule::new(draft).expect("sound");
    assert_eq!(amounts(&slab, &["25", "75", "200", "50"]), numbers(&["2.50", "11.25", "40", "7.50"]));
    // oracle-interpolated.
    let rows = [["1000", "0", "10"], ["3000", "0", "40"], ["8000", "0", "100"], ["20000", "0", "2000"]];
    let interpolated = schedule(Mode::Interpolate, &rows);
    let sales = ["200", "300", "1500", "1200", "2000", "4500"];
    assert_eq!(amounts(&interpolated, &sales), numbers(&["2", "3", "20", "14", "30", "80"]));
    assert_eq!(interpolated.apply(number("20001")), Err(ApplyError::BeyondLastTier { bound: number("20000") }));
    // gherkin-tiered-commission and tiered-commission-30000.
    let split = schedule(Mode::GraduatedPercentage, &[["5000", "0.10", "0"], ["", "0.12", "0"]]);
    assert_eq!(amounts(&split, &["6000", "4000", "5000"]), numbers(&["620", "400", "500"]));
    let rows = [["10000", "0.05", "0"], ["25000", "0.07", "0"], ["", "0.10", "0"]];
    assert_eq!(amounts(&schedule(Mode::GraduatedPercentage, &rows), &["30000"]), numbers(&["2050"]));
    // cn-annual-bonus-cliff: the rate is found on a twelfth of the bonus.
    let rows = [
        ["3000", "0.03", "0"],
        ["12000", "0.10", "210"],
        ["25000", "0.20", "1410"],
        ["35000", "0.25", "2660"],
        ["55000", "0.30", "4410"],
        ["80000", "0.35", "7160"],
        ["", "0.45", "15160"],
    ];
    let bonus = schedule(Mode::QuickDeduction, &rows);
    for (amount, tax) in [("36000", "1080"), ("36001", "3390.1"), ("144000", "14190"), ("144001", "27390.2")] {
        let amount = number(amount);
        let applied = bonus.apply_tier_of(amount / Decimal::from(12), amount).expect("inside");
        assert_eq!(applied.amount, number(tax), "cn-annual-bonus-cliff {amount}");
    }
}

const INCOME_TAX: [[&str; 3]; 7] = [
    ["36000", "0.03", "0"],
    ["144000", "0.10", "0"],
    ["300000", "0.20", "0"],
    ["420000", "0.25", "0"],
    ["660000", "0.30", "0"],
    ["960000", "0.35", "0"],
    ["", "0.45", "0"],
];

#[test]
fn quick_deductions_are_derived_from_the_rates() {
    // cn-iit-deduction-identity.
    let marginal = schedule(Mode::GraduatedPercentage, &INCOME_TAX);
    let deductions = marginal.quick_deductions().expect("inside");
    assert_eq!(deductions, numbers(&["0", "2520", "16920", "31920", "52920", "85920", "181920"]));
    let mut quick = tiers(Mode::GraduatedPercentage, &INCOME_TAX);
    for (tier, deduction) in quick.iter_mut().zip(deductions) {
        tier.deduct = deduction;
    }
    let quick = Schedule::new(Draft::new(Mode::QuickDeduction, quick)).expect("sound");
    let mut sequence = Sequence::new(17);
    for _ in 0..500 {
        let base = sequence.signed(200_000_000, 2);
        let (left, right) = (marginal.apply(base).expect("inside"), quick.apply(base).expect("inside"));
        assert_eq!(left.amount, right.amount, "{base}");
    }
}

#[test]
fn bounds_belong_to_the_tier_below_or_above() {
    let rows = [["10", "2", "1"], ["", "1", "5"]];
    let check = |mode: Mode, bounds: Bounds, expect: [&str; 3]| {
        let mut draft = Draft::new(mode, tiers(mode, &rows));
        draft.bounds = bounds;
        let schedule = Schedule::new(draft).expect("sound");
        assert_eq!(amounts(&schedule, &["9.5", "10", "10.5"]), numbers(&expect), "{mode:?} {bounds:?}");
    };
    check(Mode::Volume, Bounds::UpperInclusive, ["20", "21", "15.5"]);
    check(Mode::Volume, Bounds::LowerInclusive, ["20", "15", "15.5"]);
    check(Mode::Graduated, Bounds::UpperInclusive, ["20", "21", "26.5"]);
    check(Mode::Graduated, Bounds::LowerInclusive, ["20", "26", "26.5"]);
}

#[test]
fn zero_and_negative_quantities_follow_the_schedule() {
    let rows = [["10", "2", "3"], ["", "1", "5"]];
    let mut draft = Draft::new(Mode::Graduated, tiers(Mode::Graduated, &rows));
    let plain = Schedule::new(draft.clone()).expect("sound");
    assert_eq!(plain.apply(Decimal::ZERO), Ok(Applied::default()));
    assert_eq!(amounts(&plain, &["-4", "-12"]), numbers(&["-11", "-30"]));
    draft.zero_usage = ZeroUsage::FirstFlat;
    draft.negative = Negative::Error;
    let strict = Schedule::new(draft).expect("sound");
    assert_eq!(amounts(&strict, &["0"]), numbers(&["3"]));
    assert_eq!(strict.apply(number("-4")), Err(ApplyError::NegativeQuantity));
    assert_eq!(strict.between(number("4"), number("-4")), Err(ApplyError::NegativeQuantity));
}

#[test]
fn the_next_tier_is_a_distance_away() {
    let steps = schedule(Mode::Graduated, &[["10", "95", "0"], ["50", "90", "0"], ["", "85", "0"]]);
    let check = |quantity: &str, expect: Option<&str>| {
        assert_eq!(steps.to_next_tier(number(quantity)), expect.map(number), "{quantity}");
    };
    check("8", Some("2"));
    check("10", Some("0"));
    check("10.5", Some("39.5"));
    check("0", Some("10"));
    check("51", None);
}

#[test]
fn jumps_show_cliffs_and_totals_that_fall() {
    let check = |mode: Mode, rows: &[[&str; 3]], expect: &[[&str; 3]]| {
        let jump = |(index, row): (usize, &[&str; 3])| Jump {
            tier: index + 1,
            bound: number(row[0]),
            below: number(row[1]),
            above: number(row[2]),
        };
        let expect: Vec<Jump> = expect.iter().enumerate().map(jump).collect();
        assert_eq!(schedule(mode, rows).jumps(), Ok(expect), "{mode:?}");
    };
    // stripe-volume-boundary-inversion: 10 cost 40, a trifle more costs 30.
    let falling = [["5", "5", "0"], ["10", "4", "0"], ["", "3", "0"]];
    check(Mode::Volume, &falling, &[["5", "25", "20"], ["10", "40", "30"]]);
    // rebate-boundary-retro-jump.
    check(Mode::VolumePercentage, &[["100000", "0.01", "0"], ["", "0.02", "0"]], &[["100000", "1000", "2000"]]);
    check(Mode::Graduated, &[["10", "2", "1"], ["", "1", "5"]], &[["10", "21", "26"]]);
    check(Mode::GraduatedBlock, &[["100", "10", "1"], ["1000", "", "2"]], &[["1000", "10", "12"]]);
    // killbill-top-tier-blocks: 101 become 51.
    let blocks = [["100", "10", "1"], ["1000", "100", "1"], ["1000", "100", "0.5"]];
    check(Mode::VolumeBlock, &blocks, &[["1000", "10", "2"], ["101000", "101", "51"]]);
    check(Mode::Stairstep, &[["10", "0", "5"], ["", "0", "9"]], &[["10", "5", "9"]]);
    check(Mode::Interpolate, &[["10", "0", "5"], ["20", "0", "9"]], &[["10", "5", "5"]]);
}

#[test]
fn every_fault_is_reported() {
    let check = |draft: Draft, expect: &[ScheduleFault]| assert_eq!(Schedule::new(draft), Err(expect.to_vec()));
    let draft = |mode: Mode, rows: &[[&str; 3]]| Draft::new(mode, tiers(mode, rows));
    use ScheduleFault::*;
    check(draft(Mode::Volume, &[]), &[NoTiers]);
    let climb = |count: usize| {
        let tier = |index: usize| Tier { up_to: (index < count).then(|| Decimal::from(index)), ..Tier::default() };
        Draft::new(Mode::Volume, (1..=count).map(tier).collect())
    };
    assert!(Schedule::new(climb(TIERS_MAX)).is_ok());
    check(climb(TIERS_MAX + 1), &[TooManyTiers { count: TIERS_MAX + 1 }]);
    let tangled = [["10", "1", "0"], ["10", "1", "0"], ["", "1", "0"], ["20", "1", "0"]];
    let faults = [BoundNotIncreasing { tier: 1 }, UnboundedBeforeLast { tier: 2 }, LastIsBounded];
    check(draft(Mode::Graduated, &tangled), &faults);
    check(draft(Mode::Graduated, &[["0", "1", "0"], ["", "1", "0"]]), &[BoundNotIncreasing { tier: 0 }]);
    check(draft(Mode::Package, &[["", "", "1"]]), &[BlockMissing { tier: 0 }]);
    check(draft(Mode::VolumeBlock, &[["10", "1.5", "1"], ["10", "", "1"]]), &[BadMaxBlocks { tier: 0 }]);
    check(draft(Mode::Package, &[["10", "", "1"], ["10", "", "1"]]), &[PackageTiers, UnboundedBeforeLast { tier: 0 }]);
    check(Draft { free_units: Decimal::ONE, ..draft(Mode::Volume, &[["", "1", "0"]]) }, &[BadFreeUnits]);
    check(Draft { free_units: number("-1"), ..draft(Mode::Package, &[["1", "", "1"]]) }, &[BadFreeUnits]);
    check(draft(Mode::Stairstep, &[["", "1", "1"]]), &[FieldNotUsed { tier: 0, field: "rate" }]);
    let deducted = vec![Tier { deduct: Decimal::ONE, block: Some(Decimal::ONE), ..Tier::default() }];
    let faults = [FieldNotUsed { tier: 0, field: "block" }, FieldNotUsed { tier: 0, field: "deduct" }];
    check(Draft::new(Mode::Volume, deducted), &faults);
    check(draft(Mode::Interpolate, &[["10", "0", "1"], ["", "0", "1"]]), &[AmountWithoutEnd { tier: 1 }]);
    check(draft(Mode::Volume, &[["", "1000000000000000", "0"]]), &[TooManyDigits { tier: 0 }]);
    check(
        draft(Mode::GraduatedBlock, &[["100000000", "100000000", "1"], ["1", "", "1"]]),
        &[TooManyDigits { tier: 0 }, UnboundedBeforeLast { tier: 0 }],
    );
}

#[test]
fn too_many_digits_are_an_error_not_a_panic() {
    let steep = schedule(Mode::Volume, &[["", "999999999999999", "0"]]);
    assert!(steep.apply(Decimal::ONE).is_ok());
    for quantity in [number("2"), number("-2"), Decimal::MAX, Decimal::MIN, number("1000000000000000")] {
        assert_eq!(steep.apply(quantity), Err(ApplyError::Overflow), "{quantity}");
    }
    let graduated = schedule(Mode::Graduated, &[["10", "1", "0"], ["", "2", "0"]]);
    assert_eq!(graduated.between(Decimal::ONE, Decimal::MAX), Err(ApplyError::Overflow));
    assert_eq!(graduated.apply_tier_of(Decimal::ONE, Decimal::ONE), Err(ApplyError::NoSingleTier));
}

#[test]
fn differences_add_up_whatever_the_order() {
    let blocks = [["100", "10", "3"], ["500", "4", "10"], ["1000", "", "15"]];
    let deducted = [["1000", "0.03", "0"], ["5000", "0.10", "70"], ["", "0.20", "570"]];
    let plain = [["1000", "1.25", "3"], ["5000", "1.15", "2"], ["", "0.95", "1"]];
    let steps = [["1000", "0", "10"], ["5000", "0", "40"], ["20000", "0", "100"]];
    let open = [["1000", "0", "10"], ["", "0", "40"]];
    let schedules = [
        schedule(Mode::Graduated, &plain),
        schedule(Mode::Volume, &plain),
        schedule(Mode::GraduatedPercentage, &plain),
        schedule(Mode::VolumePercentage, &plain),
        schedule(Mode::Package, &[["7", "", "1.5"]]),
        schedule(Mode::GraduatedBlock, &blocks),
        schedule(Mode::VolumeBlock, &blocks),
        schedule(Mode::QuickDeduction, &deducted),
        schedule(Mode::Stairstep, &open),
        schedule(Mode::Interpolate, &steps),
    ];
    let mut sequence = Sequence::new(19);
    for schedule in &schedules {
        for _ in 0..500 {
            let (first, second) = (sequence.signed(1_000_000, 2), sequence.signed(1_000_000, 2));
            let total = schedule.apply(first + second).expect("inside");
            let begun = schedule.apply(first).expect("inside");
            let change = schedule.between(first, first + second).expect("inside");
            let mode = schedule.mode();
            assert_eq!(total.amount, begun.amount + change.amount, "{mode:?} {first} + {second}");
            assert_eq!(change.amount, change.parts.iter().map(|part| part.amount).sum::<Decimal>(), "{mode:?}");
            let mirror = schedule.apply(-first).expect("inside");
            assert!(first.is_zero() || mirror.amount == -begun.amount, "{mode:?} {first}");
            let explained = |part: &super::Part| part.amount == part.quantity * part.rate + part.flat;
            assert!(mode == Mode::Interpolate || change.parts.iter().all(explained), "{mode:?} {first} + {second}");
        }
    }
}

#[test]
fn beyond_its_bounds_a_unit_has_one_price() {
    let rows = [["10", "5", "3"], ["50", "4", "0"], ["", "2", "1"]];
    let graduated = schedule(Mode::Graduated, &rows);
    assert_eq!(graduated.steady_beyond(), Some(number("50")));
    for before in ["50.01", "60", "9999"] {
        let price = graduated.between(number(before), number(before) + number("7")).unwrap();
        assert_eq!(price.amount, number("14"), "{before}");
    }
    // The flat amount of the last tier is due as it is entered.
    assert_eq!(graduated.between(number("50"), number("57")).unwrap().amount, number("15"));
    assert_eq!(schedule(Mode::Graduated, &[["", "5", "0"]]).steady_beyond(), Some(Decimal::ZERO));
    assert_eq!(schedule(Mode::Volume, &rows).steady_beyond(), None);
}
