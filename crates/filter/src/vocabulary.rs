//! What can be named in a filter and an order.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// The fields of what is searched: attributes with names of their own, and what users have named themselves.
pub trait Vocabulary: Clone + Ord {
    /// What is searched, for an error, such as `runs`.
    const THINGS: &'static str;
    /// An attribute that an error takes for an example.
    const EXAMPLE: &'static str;
    /// The groups whose fields users name themselves, such as `tags`.
    const KEYED: &'static [&'static str];
    /// What may stand before a dot, as an error lists it.
    const GROUPS: &'static str;
    /// Whether an order may say `as text`.
    const AS_TEXT: bool = false;

    /// The names of all attributes, as an error lists them.
    fn attributes() -> Vec<&'static str>;

    /// The attribute of a name in lower case.
    fn attribute(name: &str) -> Option<Self>;

    /// What stands behind `word`, given in lower case, and a dot.
    fn group(word: &str) -> Option<Group<Self>>;

    /// What its values look like.
    fn form(&self) -> Form;
}

/// What stands behind a word and a dot.
#[derive(Debug)]
pub enum Group<F> {
    /// A key; whether it was quoted is told too.
    Keys(fn(String, bool) -> F),
    /// An attribute.
    Attributes,
    /// One of these names.
    Names(Vec<(&'static str, F)>),
}

/// What the values of a field look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Numbers.
    Number,
    /// Texts.
    Text,
    /// Texts, some of which read as numbers and compare as those.
    Param,
    /// Times, kept in microseconds since 1970.
    Time,
    /// Ids, kept as 32 digits.
    Id,
    /// One of these names, in any case.
    OneOf(Vec<&'static str>),
}

/// A time of a filter: by RFC 3339, or a day, which means its first moment in UTC.
pub(crate) fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let day = || {
        text.parse()
            .map(|day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc())
    };
    time.or_else(|_| day()).ok()
}
