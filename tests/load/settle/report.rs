//! Figures as people read them. Times are kept in whole milliseconds; ratios are of times and no money.

use serde_json::{Value as Json, json};

/// The figures of every part.
pub struct Measured<'m> {
    pub database: &'m str,
    pub prepared: Json,
    /// Of each round, as `hand`.
    pub product: Vec<Json>,
    pub hand: Vec<Json>,
    pub compared: Json,
    pub late: Json,
    pub phases: Json,
}

/// Puts them together: of each program the best round counts, wall and processor time apart.
pub fn figures(measured: &Measured<'_>) -> Json {
    let Measured { database, prepared, product, hand, compared, late, phases } = measured;
    let best = |rounds: &[Json], stretch: &str, what: &str| {
        rounds.iter().filter_map(|round| round[stretch][what].as_u64()).min().unwrap_or(0)
    };
    let largest = |what: &str| product.iter().filter_map(|round| round[what].as_u64()).max().unwrap_or(0);
    let (wall, cpu) = (best(product, "first", "wall_ms"), best(product, "first", "cpu_ms"));
    let (hand_wall, hand_cpu) = (best(hand, "first", "wall_ms"), best(hand, "first", "cpu_ms"));
    let fastest = hand.iter().min_by_key(|round| round["first"]["wall_ms"].as_u64()).cloned().unwrap_or_default();
    json!({
        "database": database,
        "prepared": prepared,
        "rounds": product.len(),
        "product": {
            "wall_ms": wall, "cpu_ms": cpu,
            "orders_per_second": prepared["orders"].as_u64().unwrap_or(0) * 1_000 / wall.max(1),
            "again_wall_ms": best(product, "again", "wall_ms"), "again_cpu_ms": best(product, "again", "cpu_ms"),
            "opened_rss_kib": largest("opened_rss_kib"),
            "peak_rss_kib": largest("peak_rss_kib"), "peak_rss_again_kib": largest("peak_rss_again_kib"),
        },
        "hand": {
            "wall_ms": hand_wall, "cpu_ms": hand_cpu,
            "orders_per_second": prepared["orders"].as_u64().unwrap_or(0) * 1_000 / hand_wall.max(1),
            "reading_ms": fastest["reading_ms"], "deciding_ms": fastest["deciding_ms"],
            "writing_ms": fastest["writing_ms"], "committing_ms": fastest["committing_ms"],
        },
        "ratio": {"wall": ratio(wall, hand_wall), "cpu": ratio(cpu, hand_cpu)},
        "compared": compared,
        "late": late,
        "phases": phases,
        "all_rounds": {"product": product, "hand": hand},
    })
}

/// A ratio with two digits after the point, as text.
fn ratio(over: u64, under: u64) -> String {
    let hundredths = over * 100 / under.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn seconds(millis: &Json) -> String {
    let millis = millis.as_u64().unwrap_or(0);
    format!("{}.{:02} s", millis / 1_000, millis % 1_000 / 10)
}

fn mebibytes(kib: &Json) -> String {
    format!("{} MiB", kib.as_u64().unwrap_or(0) / 1_024)
}

pub fn run(figures: &Json) {
    let (product, hand, phases, compared) =
        (&figures["product"], &figures["hand"], &figures["phases"], &figures["compared"]);
    let prepared = &figures["prepared"];
    let postgres = figures["database"] == "postgres";
    println!(
        "{} work orders of one month, {} partners, {} orders in tiers; {} {}, best of {} round(s)",
        prepared["orders"],
        prepared["partners"],
        prepared["tiered"],
        if postgres { "PostgreSQL" } else { "SQLite" },
        prepared["version"].as_str().unwrap_or("?"),
        figures["rounds"]
    );
    println!();
    println!("{:<26}{:>14}{:>14}{:>9}", "", "product", "hand-written", "ratio");
    let row = |name: &str, what: &str, ratio: &str| {
        let ratio = figures["ratio"][ratio].as_str().unwrap_or("");
        println!("{name:<26}{:>14}{:>14}{ratio:>9}", seconds(&product[what]), seconds(&hand[what]));
    };
    row("wall", "wall_ms", "wall");
    row(if postgres { "processor, client" } else { "processor" }, "cpu_ms", "cpu");
    println!(
        "{:<26}{:>14}{:>14}",
        "orders per second",
        product["orders_per_second"].to_string(),
        hand["orders_per_second"].to_string()
    );
    println!("{:<26}{:>14}", "second run (unchanged)", seconds(&product["again_wall_ms"]));
    println!(
        "{:<26}{:>14}   (the command that completes the order, with {} lines it posts: {})",
        "run after a late order",
        seconds(&figures["late"]["run"]["wall_ms"]),
        figures["late"]["lines"],
        seconds(&figures["late"]["completing"]["wall_ms"])
    );
    println!(
        "{:<26}{:>14}   ({} once opened, {} after the second run)",
        "peak memory",
        mebibytes(&product["peak_rss_kib"]),
        mebibytes(&product["opened_rss_kib"]),
        mebibytes(&product["peak_rss_again_kib"])
    );
    println!();
    println!(
        "where the product's time goes ({} commands, {} rounds of deciding), one step after the other:",
        phases["commands"], phases["rounds"]
    );
    for (name, what) in [
        ("listing facts", "listing_ms"),
        ("reading ahead", "reading_ms"),
        ("working lines out", "working_ms"),
        ("deciding in its turn", "deciding_ms"),
        ("posting, committing", "posting_ms"),
    ] {
        println!("  {name:<24}{:>14}", seconds(&phases[what]));
    }
    println!("where the hand-written program's goes:");
    for (name, what) in [
        ("reading", "reading_ms"),
        ("deciding", "deciding_ms"),
        ("writing", "writing_ms"),
        ("committing", "committing_ms"),
    ] {
        println!("  {name:<24}{:>14}", seconds(&hand[what]));
    }
    println!();
    println!(
        "both wrote the same: {} lines, {} in all, {} statements, ledger sums equal ({} and {} entries); {} traces of {} bytes each, {} with a number written differently",
        compared["lines"],
        compared["gross"].as_str().unwrap_or("?"),
        compared["statements"],
        compared["entries"],
        compared["entries_hand"],
        compared["lines"],
        compared["trace_bytes"].as_u64().unwrap_or(0) / compared["lines"].as_u64().unwrap_or(1).max(1),
        compared["traces_written_differently"]
    );
}
