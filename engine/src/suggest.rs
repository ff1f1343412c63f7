//! "Did you mean": the known name nearest to a misspelt one.

/// The nearest known name, if it is near enough to be what was meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let worst = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(far, _)| *far <= worst)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Names a hint lists: all kinds of definitions and all types of fields, and few enough to be read.
const SHOWN_MAX: usize = 30;

/// A hint in words: the nearest name, or the first few that exist.
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => {
            let mut shown: Vec<&str> = known.into_iter().collect();
            let is_more = shown.len() > SHOWN_MAX;
            shown.truncate(SHOWN_MAX);
            shown.sort_unstable();
            shown.extend(is_more.then_some("…"));
            match shown.is_empty() {
                true => "there is none to choose from".to_owned(),
                false => format!("there are: {}", shown.join(", ")),
            }
        }
    }
}

/// Edits (insert, delete, replace, swap of neighbours) between two names.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_name() {
        assert_eq!(nearest("quantiy", ["quantity", "amount"]), Some("quantity"));
        assert_eq!(nearest("amuont", ["quantity", "amount"]), Some("amount"));
        assert_eq!(nearest("region", ["quantity", "amount"]), None);
    }
}
