//! Searches: MLflow's filters and orders in the language of the services.

mod artifact_uri;
pub(super) mod clauses;
pub(super) mod experiments;
mod run_filter;
pub(super) mod runs;
pub(super) mod words;

use herdbook_proto::common::v1::View;
use serde_json::Value;

use super::error::{Answer, Error};

/// Which things a search shows, by MLflow's name or number.
fn view(said: Option<&Value>) -> Answer<View> {
    match said {
        None | Some(Value::Null) => Ok(View::Active),
        Some(Value::String(name)) if name == "ACTIVE_ONLY" || name == "1" => Ok(View::Active),
        Some(Value::String(name)) if name == "DELETED_ONLY" || name == "2" => Ok(View::Deleted),
        Some(Value::String(name)) if name == "ALL" || name == "3" => Ok(View::All),
        Some(Value::Number(number)) if number.as_i64() == Some(1) => Ok(View::Active),
        Some(Value::Number(number)) if number.as_i64() == Some(2) => Ok(View::Deleted),
        Some(Value::Number(number)) if number.as_i64() == Some(3) => Ok(View::All),
        Some(other) => Err(Error::invalid(format!(
            "Invalid view type {other}: it is one of ACTIVE_ONLY, DELETED_ONLY and ALL"
        ))),
    }
}

/// How many results are asked for, from 1 to `limit`.
fn max_results(asked: Option<i64>, default: usize, limit: usize) -> Answer<usize> {
    let Some(asked) = asked else {
        return Ok(default);
    };
    match usize::try_from(asked) {
        Ok(count) if (1..=limit).contains(&count) => Ok(count),
        _ => Err(Error::invalid(format!(
            "Invalid value {asked} for parameter 'max_results' supplied. It must be at least 1 and at most {limit}"
        ))),
    }
}
