//! What all doors share: who calls, bodies with limits, and errors as JSON.

mod body;
mod caller;
mod refusal;

pub(crate) use body::json;
pub(crate) use caller::authenticated;
pub(crate) use refusal::{Answer, Refusal};
