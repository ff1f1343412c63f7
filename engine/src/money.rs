//! Amount with its currency. Arithmetic on amounts is Decimal and checked; rounding is written
//! where it happens (`settlement::rounding`).

use rust_decimal::Decimal;
use std::sync::Arc;

/// An exact amount in one currency (ISO 4217 code).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    pub amount: Decimal,
    pub currency: Arc<str>,
}

impl Money {
    pub fn new(amount: Decimal, currency: &str) -> Money {
        Money { amount, currency: Arc::from(currency) }
    }
}

/// Digits after the point of a currency's smallest unit (ISO 4217).
pub fn places_of(currency: &str) -> u32 {
    // Bytes, of which the first tells most currencies apart.
    match currency.as_bytes() {
        b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX" | b"VND"
        | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
        b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
        _ => 2,
    }
}
