//! Tax against the acceptance cases, and that net and tax always make the gross.

use super::super::rounding::seeded::{Sequence, number, numbers};
use super::super::rounding::{Rounding, round};
use super::{TaxError, TaxKind, Taxable, tax_document, tax_line};
use TaxKind::{Exclusive, Exempt, Inclusive, NotTaxed, Zero};
use rust_decimal::Decimal;

fn taxable(kind: TaxKind, amount: &str, rate: &str) -> Taxable {
    Taxable { amount: number(amount), kind, rate: number(rate) }
}

#[test]
fn a_document_rounds_the_half_its_lines_come_to() {
    // 15.03 / 1.2 * 0.2 is 2.505, though neither line's own tax ends.
    let lines = ["10.00", "5.03"].map(|gross| taxable(Inclusive, gross, "0.2"));
    let document = tax_document(&lines, 2, Rounding::HalfUp).expect("small");
    assert_eq!((document.tax, document.net), (number("2.51"), number("12.52")));
}

#[test]
fn acceptance_cases_of_one_line() {
    let check = |id: &str, kind: TaxKind, amount: &str, rate: &str, [net, tax, gross]: [&str; 3]| {
        let taxed = tax_line(taxable(kind, amount, rate), 2, Rounding::HalfUp).expect("a small amount");
        assert_eq!([taxed.net, taxed.tax, taxed.gross], [number(net), number(tax), number(gross)], "{id}");
    };
    check("cn-vat-incl-1130-13pct", Inclusive, "1130", "0.13", ["1000", "130", "1130"]);
    check("cn-vat-excl-200-1pct", Exclusive, "200", "0.01", ["200", "2", "202"]);
    check("cn-vat-exempt", Exempt, "32263.98", "0", ["32263.98", "0", "32263.98"]);
    check("erpnext-52001", Inclusive, "0.00", "0.13", ["0.00", "0.00", "0.00"]);
    check("erpnext-8910", Exclusive, "900", "0.24", ["900", "216.00", "1116.00"]);
    check("odoo-12039 (line)", Exclusive, "22.52", "0.22", ["22.52", "4.95", "27.47"]);
    check("odoo-37896 (per line)", Exclusive, "5350.66", "0.22", ["5350.66", "1177.15", "6527.81"]);
    check("zero", Zero, "10", "0.13", ["10", "0", "10"]);
    check("not taxed", NotTaxed, "10", "0.13", ["10", "0", "10"]);
    check("refund", Inclusive, "-1130", "0.13", ["-1000", "-130", "-1130"]);
}

#[test]
fn acceptance_cases_of_documents() {
    struct Case<'c> {
        id: &'c str,
        kind: TaxKind,
        places: u32,
        lines: &'c [[&'c str; 2]],
        line_taxes: &'c [&'c str],
        placed: &'c [&'c str],
    }
    let cases = [
        Case {
            id: "cn-vat-incl-two-rates",
            kind: Inclusive,
            places: 2,
            lines: &[["2", "0.03"], ["3", "0.01"]],
            line_taxes: &["0.06", "0.03"],
            placed: &["0.06", "0.03"],
        },
        Case {
            id: "cn-vat-excl-two-rates",
            kind: Exclusive,
            places: 2,
            lines: &[["2", "0.03"], ["3", "0.01"]],
            line_taxes: &["0.06", "0.03"],
            placed: &["0.06", "0.03"],
        },
        Case {
            id: "cn-vat-tail-difference",
            kind: Inclusive,
            places: 2,
            lines: &[["100", "0.13"], ["100", "0.13"], ["100", "0.13"]],
            line_taxes: &["11.50", "11.50", "11.50"],
            placed: &["11.51", "11.50", "11.50"],
        },
        Case {
            id: "odoo-45701",
            kind: Inclusive,
            places: 2,
            lines: &[["11.90", "0.21"], ["2.80", "0.21"]],
            line_taxes: &["2.07", "0.49"],
            placed: &["2.06", "0.49"],
        },
        Case {
            id: "lago-taxes-with-coupon",
            kind: Exclusive,
            places: 0,
            lines: &[["9500", "0.10"], ["4750", "0"], ["2850", "0.20"], ["1900", "0.20"]],
            line_taxes: &["950", "0", "570", "380"],
            placed: &["950", "0", "570", "380"],
        },
        // The remaining amounts of lago-coupons-cascade: 1889 for the document, 1887 by its lines.
        Case {
            id: "lago-coupons-cascade",
            kind: Exclusive,
            places: 0,
            lines: &[
                ["323.52941", "0.10"],
                ["647.05882", "0.20"],
                ["2911.76471", "0.10"],
                ["3882.35294", "0.10"],
                ["873.52941", "0.10"],
                ["1747.05882", "0.20"],
                ["2620.58824", "0.10"],
                ["3494.11765", "0.10"],
            ],
            line_taxes: &["32", "129", "291", "388", "87", "349", "262", "349"],
            placed: &["32", "130", "291", "388", "87", "349", "262", "350"],
        },
    ];
    for case in cases {
        let lines: Vec<Taxable> = case.lines.iter().map(|[amount, rate]| taxable(case.kind, amount, rate)).collect();
        let own = lines.iter().map(|line| tax_line(*line, case.places, Rounding::HalfUp).expect("small").tax);
        assert_eq!(own.collect::<Vec<_>>(), numbers(case.line_taxes), "{}", case.id);
        let document = tax_document(&lines, case.places, Rounding::HalfUp).expect("small");
        let placed: Vec<Decimal> = document.lines.iter().map(|line| line.tax).collect();
        assert_eq!(placed, numbers(case.placed), "{}", case.id);
        assert_eq!(document.tax, placed.iter().sum(), "{}", case.id);
        assert_eq!(document.net + document.tax, document.gross, "{}", case.id);
    }
}

#[test]
fn a_document_may_tax_what_is_not_yet_rounded() {
    // odoo-37896, rounded globally: 5350.656 and 22 percent.
    let document = tax_document(&[taxable(Exclusive, "5350.656", "0.22")], 2, Rounding::HalfUp).expect("small");
    assert_eq!(round(document.gross, 2, Rounding::HalfUp), number("6527.80"));
}

#[test]
fn what_cannot_be_taxed_is_refused() {
    let check = |line: Taxable, places: u32, expect: TaxError| {
        assert_eq!(tax_line(line, places, Rounding::HalfUp), Err(expect));
        assert_eq!(tax_document(&[line], places, Rounding::HalfUp), Err(expect));
    };
    check(taxable(Exclusive, "1", "-0.01"), 2, TaxError::NegativeRate);
    check(taxable(Exclusive, "1", "0.01"), 11, TaxError::TooManyPlaces);
    check(taxable(Exclusive, "1000000000000000", "0"), 2, TaxError::Overflow);
    check(taxable(Exclusive, "999999999999999", "0.13"), 2, TaxError::Overflow);
}

#[test]
fn net_and_tax_make_the_gross_and_lines_make_the_document() {
    let modes = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Floor];
    let kinds = [Inclusive, Exclusive, Exempt, Inclusive, Exclusive];
    let mut sequence = Sequence::new(13);
    for _ in 0..1_000 {
        let count = 1 + sequence.below(12);
        let lines: Vec<Taxable> = (0..count)
            .map(|_| Taxable {
                amount: sequence.signed(1_000_000, 2),
                kind: kinds[sequence.below(5) as usize],
                rate: Decimal::new(sequence.below(30) as i64, 2),
            })
            .collect();
        for mode in modes {
            let document = tax_document(&lines, 2, mode).expect("small");
            assert_eq!(document.lines.iter().map(|line| line.tax).sum::<Decimal>(), document.tax);
            assert_eq!(document.net + document.tax, document.gross);
            for (line, taxed) in lines.iter().zip(&document.lines) {
                assert_eq!(taxed.net + taxed.tax, taxed.gross);
                assert!((taxed.tax - taxed.rounded.before).abs() <= number("0.02"), "{mode:?} {line:?}");
                assert!(line.kind != Exempt || taxed.tax.is_zero());
            }
        }
    }
}
