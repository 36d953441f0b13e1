//! MLflow's JSON: names in snake_case, 64-bit integers as numbers, what is not set left out.
//!
//! Reading is as lenient as protobuf's own JSON reader: numbers may stand in strings, unknown fields are
//! passed over, `null` is nothing.

mod read;
pub(super) mod validate;
mod write;

pub(super) use read::{
    double, flag, from_json, from_query, int, missing, required, required_text, texts,
};
pub(super) use write::{Number, Pairs, empty, from_millis, json, millis};
