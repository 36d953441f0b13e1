//! Names for runs and models that were given none: easier to tell apart, and to say, than ids.

use uuid::Uuid;

const ADJECTIVES: [&str; 32] = [
    "able", "bold", "brave", "brisk", "calm", "clever", "crisp", "eager", "fair", "fleet", "fond",
    "gentle", "grand", "hardy", "jolly", "keen", "kind", "lively", "lucky", "mellow", "merry",
    "mild", "neat", "noble", "proud", "quick", "quiet", "sharp", "sleek", "steady", "swift",
    "wise",
];
const ANIMALS: [&str; 32] = [
    "alpaca", "badger", "bison", "camel", "cobra", "crane", "dingo", "eagle", "falcon", "ferret",
    "finch", "gecko", "goat", "hare", "heron", "ibex", "jackal", "koala", "lemur", "lynx",
    "marten", "mole", "newt", "otter", "owl", "panda", "quail", "raven", "seal", "stork", "tapir",
    "wolf",
];

/// The name of what has the id `id`, such as `brisk-otter-417`: from the random bits of the id, so that it
/// needs no state.
pub(crate) fn made_up(id: Uuid) -> String {
    let bits = id.as_u128();
    let pick = |shift: u32| usize::try_from(bits >> shift & 31).unwrap_or_default();
    format!(
        "{}-{}-{}",
        ADJECTIVES[pick(0)],
        ANIMALS[pick(5)],
        (bits >> 10) % 1000
    )
}
