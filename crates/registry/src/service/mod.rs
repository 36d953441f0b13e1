//! The rpcs: decode, call, encode.

pub(crate) mod audit;
pub(crate) mod checks;
pub(crate) mod compare;
pub(crate) mod models;
pub(crate) mod policies;
pub(crate) mod requests;
mod search;
pub(crate) mod serving;
pub(crate) mod signatures;
pub(crate) mod transitions;
pub(crate) mod versions;

use herdbook_proto::fields::Mask;
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
