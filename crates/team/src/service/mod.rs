//! The rpcs: each reads its request, asks the store or a peer, and writes the answer.

pub(crate) mod activity;
pub(crate) mod comments;
pub(crate) mod preferences;
pub(crate) mod reports;
pub(crate) mod views;
