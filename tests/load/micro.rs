//! The engine alone, in memory, beside a program written by hand for exactly one plan: the same orders, equal sums, in one
//! run. Then a unit of the packs' own plan, whose facts lead further. No database.

mod hand;
mod packs;
mod plan;
mod product;

use crate::words::Words;
use anyhow::{Context as _, Result, bail, ensure};
use hand::{Books, Sums};
use packwork_engine::decision::Traces;
use packwork_engine::moment::Moment;
use plan::Order;
use product::{Desk, Unit, decide_all};
use serde_json::{Value as Json, json};
use std::time::Duration;
use tokio::time::Instant;

/// Parties whose facts are at hand at one time: memory for a million would measure memory.
const PARTIES_AT_ONCE: usize = 50;

/// Each part is measured so often; the best counts.
const TIMES: usize = 3;

pub fn run(words: &[&str]) -> Result<()> {
    let (mut orders, mut parties, mut as_json) = (1_000_000, 1_000, false);
    let mut words = Words::of(words);
    while let Some(option) = words.next() {
        match option {
            "--orders" => orders = usize::try_from(words.number(option)?)?,
            "--parties" => parties = usize::try_from(words.number(option)?)?,
            "--json" => as_json = true,
            _ => bail!("load micro [--orders N] [--parties N] [--json]"),
        }
    }
    let measured = measure(orders, parties)?;
    let of_packs = packs::figures()?;
    if as_json {
        println!("{}", json!({"plan": measured.json(), "packs": of_packs}));
        return Ok(());
    }
    measured.print();
    println!(
        "the packs' own plan, a unit of {} facts: {} ns a fact (best of {}; {} lines)",
        of_packs["facts"], of_packs["ns_per_fact"], of_packs["times"], of_packs["lines"]
    );
    Ok(())
}

/// What each way took for all orders together.
struct Measured {
    sums: Sums,
    parties: usize,
    hand: Duration,
    /// Without and with traces, on one thread and on two.
    product: [[Duration; 2]; 2],
}

const MODES: [(Traces, &str); 2] = [(Traces::Left, "off"), (Traces::Kept, "on")];

fn measure(orders: usize, parties: usize) -> Result<Measured> {
    let at = Moment::parse("2026-04-01T00:00:00Z").context("the moment is written wrong")?;
    let (world, ids) = plan::world(parties, at)?;
    let mut desk = Desk::new(world, ids, at)?;
    let books = Books::new();
    let of_party = orders / parties;
    ensure!(
        (1..=packwork_engine::decision::UNIT_FACTS_MAX).contains(&of_party),
        "a party has between 1 order and as many as a unit has"
    );
    let mut all = Measured { sums: Sums::default(), parties, hand: Duration::ZERO, product: [[Duration::ZERO; 2]; 2] };
    for first in (0..parties).step_by(PARTIES_AT_ONCE) {
        let parties = first..parties.min(first + PARTIES_AT_ONCE);
        let orders: Vec<Vec<Order>> = parties.map(|party| plan::orders(party, of_party)).collect();
        let (hand, sums) = by_hand(&books, &orders.concat());
        all.hand += hand;
        all.sums.put(sums);
        let made = orders.iter().map(|orders| desk.unit(orders, Traces::Kept));
        let mut units = made.collect::<Result<Vec<Unit>>>()?;
        for (mode, (traces, name)) in MODES.into_iter().enumerate() {
            units.iter_mut().for_each(|unit| unit.with(traces));
            for threads in [1, 2] {
                let (taken, own) = best(|| decide_all(&desk.world.model, &units, threads))?;
                ensure!(
                    own == sums,
                    "with traces {name} the product comes to {own:?}, the program by hand to {sums:?}"
                );
                all.product[mode][threads - 1] += taken;
            }
        }
    }
    Ok(all)
}

fn by_hand(books: &Books, orders: &[Order]) -> (Duration, Sums) {
    let once = || {
        let from = Instant::now();
        let mut sums = Sums::default();
        for line in books.settle(orders) {
            sums.add(line.gross, line.net, line.tax);
        }
        Ok((from.elapsed(), sums))
    };
    best(once).unwrap_or_default()
}

fn best(mut once: impl FnMut() -> Result<(Duration, Sums)>) -> Result<(Duration, Sums)> {
    let mut best = once()?;
    for _ in 1..TIMES {
        let again = once()?;
        ensure!(again.1 == best.1, "the same orders came to something else");
        best = if again.0 < best.0 { again } else { best };
    }
    Ok(best)
}

impl Measured {
    fn json(&self) -> Json {
        let [off, on] = self.product.map(|[one, two]| {
            json!({"one_thread_ns": self.each(one), "two_threads_ns": self.each(two),
                "of_hand": ratio(one, self.hand), "two_of_one": ratio(one, two)})
        });
        json!({"orders": self.sums.lines, "parties": self.parties, "gross": self.sums.gross.to_string(),
            "hand_ns": self.each(self.hand), "traces_off": off, "traces_on": on})
    }

    fn print(&self) {
        println!(
            "{} orders of {} parties, {} gross, equal in both programs (best of {TIMES}, {PARTIES_AT_ONCE} parties at a time)",
            self.sums.lines, self.parties, self.sums.gross
        );
        println!("by hand, one thread: {} ns an order", self.each(self.hand));
        for ((_, name), [one, two]) in MODES.into_iter().zip(self.product) {
            println!(
                "the product, traces {name}: {} ns an order on one thread, {} times by hand; two threads {} times one",
                self.each(one),
                ratio(one, self.hand),
                ratio(one, two),
            );
        }
    }

    /// Nanoseconds an order.
    fn each(&self, taken: Duration) -> u64 {
        u64::try_from(taken.as_nanos() / self.sums.lines.max(1) as u128).unwrap_or(u64::MAX)
    }
}

/// To two digits.
fn ratio(of: Duration, to: Duration) -> String {
    let hundredths = of.as_nanos() * 100 / to.as_nanos().max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
