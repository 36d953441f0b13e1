//! The rpcs: decode, call, encode.

pub(crate) mod audit;
pub(crate) mod checks;
pub(crate) mod compare;
pub(crate) mod models;
pub(crate) mod policies;
mod registration;
pub(crate) mod requests;
mod search;
pub(crate) mod serving;
pub(crate) mod signatures;
pub(crate) mod transitions;
pub(crate) mod versions;
pub(crate) mod webhooks;

use chrono::{DateTime, TimeDelta, Utc};
use herdbook_proto::{Violations, fields::Mask};
use herdbook_rpc::answer;

use crate::card::Card;

/// Takes the card, or the fields of it that the mask names, from `new`; `paths` are how the mask calls them.
fn change_card(mask: &Mask, [whole, fields @ ..]: [&str; 5], old: &mut Card, new: Card) {
    let named = fields.into_iter().zip(old.fields_mut()).zip(new.fields());
    for ((path, old), new) in named {
        if mask.has(whole) || mask.has(path) {
            old.clone_from(new);
        }
    }
}

/// How far the clocks of those who import may be ahead of ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

/// Reads when something was made that is brought from elsewhere.
fn past(
    field: &str,
    given: Option<&prost_types::Timestamp>,
    violations: &mut Violations,
) -> Option<DateTime<Utc>> {
    let at = violations.time(field, given)?;
    if at > Utc::now() + CLOCKS_DIFFER {
        violations.add(field, "lies in the future");
    }
    Some(at)
}
