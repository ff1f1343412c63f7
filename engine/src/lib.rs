//! Packwork's engine: decides, and does nothing else. Values in, values out: no clock, randomness,
//! environment, files, network, threads or printing. The same input gives the same bytes.

pub mod access;
pub mod attachment;
pub mod codes;
pub mod decide;
pub mod decision;
pub mod definition;
pub mod diagnostic;
pub mod env;
pub mod explain;
pub mod expr;
pub mod facts;
pub mod hashing;
pub mod ids;
pub mod layers;
pub mod live;
pub mod location;
pub mod model;
pub mod moment;
pub mod money;
pub mod object;
pub mod pack;
pub mod period;
pub mod query;
pub mod record;
pub mod refusal;
pub mod script;
pub mod settlement;
pub mod suggest;
pub mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod value;
