//! Versions of packs, and ranges of them.

/// Three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u64; 3]);

impl Version {
    /// `1.0.0`; nothing else is a version.
    pub fn parse(text: &str) -> Option<Version> {
        let parts = numbers(text)?;
        Some(Version(parts.try_into().ok()?))
    }
}

/// Numbers joined by points, without signs, spaces or leading zeros.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let number = |part: &str| {
        let plain = part.bytes().all(|digit| digit.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        plain.then(|| part.parse().ok()).flatten()
    };
    text.split('.').map(number).collect()
}

/// A range of versions: `*`, `^1.2`, `1.2`, `>=1.2, <3`. All parts must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Any,
    /// The same first number that is not zero, and nothing older.
    Compatible(Vec<u64>),
    /// The numbers that are written are the same.
    Like(Vec<u64>),
    AtLeast(Version),
    Above(Version),
    AtMost(Version),
    Below(Version),
}

impl Range {
    pub fn parse(text: &str) -> Option<Range> {
        text.split(',').map(|part| Part::parse(part.trim())).collect::<Option<Vec<Part>>>().map(Range)
    }

    pub fn holds(&self, version: Version) -> bool {
        self.0.iter().all(|part| part.holds(version))
    }
}

impl Part {
    fn parse(text: &str) -> Option<Part> {
        let short = |text: &str| numbers(text).filter(|parts| (1..=3).contains(&parts.len()));
        let filled = |text: &str| {
            let mut parts = short(text.trim())?;
            parts.resize(3, 0);
            Some(Version(parts.try_into().ok()?))
        };
        if text == "*" {
            return Some(Part::Any);
        }
        if let Some(rest) = text.strip_prefix('^') {
            return short(rest).map(Part::Compatible);
        }
        for (sign, part) in
            [(">=", Part::AtLeast as fn(Version) -> Part), ("<=", Part::AtMost), (">", Part::Above), ("<", Part::Below)]
        {
            if let Some(rest) = text.strip_prefix(sign) {
                return filled(rest).map(part);
            }
        }
        short(text).map(Part::Like)
    }

    fn holds(&self, version: Version) -> bool {
        let have = &version.0[..];
        match self {
            Part::Any => true,
            Part::Compatible(least) => {
                let fixed = least.iter().position(|part| *part > 0).unwrap_or(least.len().saturating_sub(1));
                have >= &least[..] && have.iter().take(fixed + 1).eq(least.iter().take(fixed + 1))
            }
            Part::Like(parts) => have.starts_with(parts),
            Part::AtLeast(other) => version >= *other,
            Part::Above(other) => version > *other,
            Part::AtMost(other) => version <= *other,
            Part::Below(other) => version < *other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_say() {
        for (version, range, expect) in [
            ("0.1.0", "^0.1", true),
            ("0.1.9", "^0.1.2", true),
            ("0.2.0", "^0.1", false),
            ("1.4.0", "^1.2", true),
            ("2.0.0", "^1.2", false),
            ("0.1.0", "^0.1.2", false),
            ("3.1.4", "*", true),
            ("1.2.9", "1.2", true),
            ("1.3.0", "1.2", false),
            ("1.2.0", ">=1.2", true),
            ("1.1.9", ">=1.2", false),
            ("2.9.9", ">=1.2, <3", true),
            ("3.0.0", ">=1.2, <3", false),
            ("1.2.0", ">1.2", false),
            ("1.2.0", "<=1.2", true),
        ] {
            let range_read = Range::parse(range).expect("it is a range");
            assert_eq!(range_read.holds(Version::parse(version).expect("it is one")), expect, "{version} in {range}");
        }
    }

    #[test]
    fn what_is_no_version_or_range_is_none() {
        for text in [
            "",
            "one",
            "1",
            "1.0",
            "1.0.0.0",
            "1.0.0-beta",
            "v1.0.0",
            "01.0.0",
            "1. 0.0",
            "+1.0.0",
            "1.0.99999999999999999999",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
        for text in ["", "abc", "^", "^a", ">=", "=1.0", "1.0 || 2.0", "~1.2", "1.0,", "1.2.3.4", "latest"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
