//! What is known about a node, and how news about it is merged.
//!
//! Every attribute keeps the revision it was given at. News at a lower revision is passed over, news
//! at a higher one replaces; at the same one the greater value stays. So a producer that counts its
//! revisions gets the same node whatever the order and number of deliveries, and one that does not
//! count (revision 0) gets "the last one wins".

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
};

use crate::moment::Held;

/// Attributes of a node at most.
pub(crate) const ATTRIBUTES: usize = 256;
/// Tags of a node at most.
pub(crate) const TAGS: usize = 100;

/// A value and the revision it was given at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) value: String,
    pub(crate) revision: i64,
}

impl Attribute {
    fn replaces(&self, known: &Self) -> bool {
        match self.revision.cmp(&known.revision) {
            Ordering::Greater => true,
            Ordering::Equal => self.revision == 0 || self.value > known.value,
            Ordering::Less => false,
        }
    }
}

/// What is known about a node besides its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) tags: BTreeSet<String>,
    /// Highest revision heard of.
    pub(crate) revision: i64,
    /// When it was.
    pub(crate) held: Held,
}

/// A node would have more attributes or tags than it may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("would have {count} {what}; at most {limit} are allowed")]
pub(crate) struct TooMany {
    what: &'static str,
    count: usize,
    limit: usize,
}

impl Facts {
    /// Facts that are all given at one revision.
    pub(crate) fn given(
        attributes: impl IntoIterator<Item = (String, String)>,
        tags: impl IntoIterator<Item = String>,
        revision: i64,
    ) -> Self {
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| (name, Attribute { value, revision }))
            .collect();
        Self {
            attributes,
            tags: tags.into_iter().collect(),
            revision,
            held: Held::default(),
        }
    }

    /// Takes in what `news` knows better.
    pub(crate) fn merge(&mut self, news: &Self) {
        for (name, attribute) in &news.attributes {
            match self.attributes.entry(name.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert(attribute.clone());
                }
                Entry::Occupied(mut entry) if attribute.replaces(entry.get()) => {
                    entry.insert(attribute.clone());
                }
                Entry::Occupied(_) => {}
            }
        }
        self.tags.extend(news.tags.iter().cloned());
        self.revision = self.revision.max(news.revision);
        self.held.merge(&news.held);
    }

    /// Checks that a node may know as much.
    pub(crate) fn check_size(&self) -> Result<(), TooMany> {
        let within = |what, count, limit| {
            if count > limit {
                Err(TooMany { what, count, limit })
            } else {
                Ok(())
            }
        };
        within("attributes", self.attributes.len(), ATTRIBUTES)?;
        within("tags", self.tags.len(), TAGS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(value: &str, revision: i64) -> Facts {
        Facts::given([("stage".to_owned(), value.to_owned())], [], revision)
    }

    fn merged(all: &[Facts]) -> Facts {
        let mut kept = Facts::default();
        for news in all {
            kept.merge(news);
        }
        kept
    }

    #[test]
    fn an_older_revision_never_overwrites() {
        let kept = merged(&[facts("Production", 7), facts("Staging", 6)]);
        assert_eq!(kept, facts("Production", 7));
    }

    #[test]
    fn an_older_revision_still_tells_what_nobody_told_since() {
        let mut older = facts("Staging", 6);
        older.merge(&Facts::given(
            [("owner".to_owned(), "ada".to_owned())],
            [],
            6,
        ));
        let kept = merged(&[facts("Production", 7), older]);
        assert_eq!(kept.attributes["owner"].value, "ada");
        assert_eq!(kept.attributes["stage"].value, "Production");
        assert_eq!(kept.revision, 7);
    }

    #[test]
    fn without_revisions_the_last_one_wins() {
        let kept = merged(&[facts("Staging", 0), facts("Production", 0)]);
        assert_eq!(kept, facts("Production", 0));
    }

    #[test]
    fn at_the_same_revision_order_does_not_matter() {
        let (one, other) = (facts("Staging", 3), facts("Production", 3));
        let kept = merged(&[one.clone(), other.clone()]);
        assert_eq!(kept, merged(&[other, one]));
    }

    #[test]
    fn hearsay_yields_to_what_is_told_without_a_revision() {
        let kept = merged(&[facts("Production", 0), facts("rumour", -5)]);
        assert_eq!(kept.attributes["stage"].value, "Production");
        let kept = merged(&[facts("rumour", -5), facts("Production", 0)]);
        assert_eq!(kept.attributes["stage"].value, "Production");
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter_to_a_producer_that_counts(
            updates in prop::collection::vec(
                (prop::collection::btree_map("[a-c]", "[x-z]", 0..3), prop::collection::btree_set("[t-v]", 0..2)),
                1..6,
            ),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let updates: Vec<Facts> = updates
                .into_iter()
                .zip(1..)
                .map(|((attributes, tags), revision)| Facts::given(attributes, tags, revision))
                .collect();
            let mut delivered: Vec<Facts> =
                picks.iter().map(|pick| pick.get(&updates).clone()).collect();
            delivered.extend(updates.iter().rev().cloned());
            prop_assert_eq!(merged(&delivered), merged(&updates));
        }
    }
}
