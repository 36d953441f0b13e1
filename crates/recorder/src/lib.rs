//! How a service tells lineage of its own things: nodes and edges that fit, delivered through its outbox.

mod delivery;
mod news;

pub use delivery::relay;
pub use news::{News, key};
