//! Classes.
/// Index of dated classification rows.
#[derive(Debug, Default)]
pub struct Classes;
