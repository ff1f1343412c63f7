//! Places.
/// Index of a tree of places.
#[derive(Debug, Default)]
pub struct Places;
