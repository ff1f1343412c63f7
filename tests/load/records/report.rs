//! The figures of the records API as people read them. Rates are whole numbers a second; ratios are of rates.

use super::work::Work;
use serde_json::{Value as Json, json};

pub fn work(work: Work, rounds: &[[Json; 2]]) -> Json {
    row(work.name(), work.described(), work.connections(), work.goal(), rounds)
}

/// Of each side the round with the highest rate counts. The goal is in hundredths.
pub fn row(name: &str, described: &str, connections: u32, goal: u64, rounds: &[[Json; 2]]) -> Json {
    let best = |side: usize| {
        let of_side = rounds.iter().map(|round| &round[side]);
        of_side.max_by_key(|figures| figures["rate"].as_u64()).cloned().unwrap_or_default()
    };
    let (product, hand) = (best(0), best(1));
    let rate = |figures: &Json| figures["rate"].as_u64().unwrap_or(0);
    let hundredths = rate(&product) * 100 / rate(&hand).max(1);
    json!({
        "work": name, "described": described, "connections": connections,
        "ratio": decimal(hundredths), "goal": decimal(goal), "reached": hundredths >= goal,
        "product": product, "hand": hand,
        "rounds": rounds.iter().map(|[product, hand]| json!({"product": product, "hand": hand})).collect::<Vec<_>>(),
    })
}

fn decimal(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn millis(micros: &Json) -> String {
    let micros = micros.as_u64().unwrap_or(0);
    format!("{}.{:01}", micros / 1_000, micros % 1_000 / 100)
}

pub fn run(figures: &Json) {
    println!(
        "{} rows on {}; best of {} rounds of {} s each, in turns",
        figures["rows"],
        figures["database"].as_str().unwrap_or("?"),
        figures["rounds"],
        figures["seconds"]
    );
    println!();
    println!(
        "| work | connections | product /s | by hand /s | ratio | goal | product p50, p99 ms | by hand p50, p99 ms | processor µs, product | by hand |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for work in figures["works"].as_array().into_iter().flatten() {
        let (product, hand) = (&work["product"], &work["hand"]);
        println!(
            "| {} | {} | {} | {} | **{}** | {}{} | {}, {} | {}, {} | {} | {} |",
            work["described"].as_str().unwrap_or("?"),
            work["connections"],
            product["rate"],
            hand["rate"],
            work["ratio"].as_str().unwrap_or("?"),
            work["goal"].as_str().unwrap_or("?"),
            if work["reached"] == true { "" } else { " (missed)" },
            millis(&product["p50_us"]),
            millis(&product["p99_us"]),
            millis(&hand["p50_us"]),
            millis(&hand["p99_us"]),
            product["cpu_us"],
            hand["cpu_us"],
        );
    }
    println!();
    for (name, what) in [("idle", "idle_rss_kib"), ("most while driven", "peak_rss_kib")] {
        let mebibytes = |side: &str| figures[what][side].as_u64().unwrap_or(0) / 1_024;
        println!("memory {name}: product {} MiB, by hand {} MiB", mebibytes("product"), mebibytes("hand"));
    }
}

/// The hand-written server's statements, as the documentation shows them.
pub fn statements(statements: &[(&str, &str)]) {
    for (title, text) in statements {
        if !title.is_empty() {
            println!("\n{title}:");
        }
        println!("\n```sql\n{text}\n```");
    }
}
