//! Behaviour tests across layers.

mod store;
