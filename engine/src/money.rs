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
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}
