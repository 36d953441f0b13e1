//! Several lists as one.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};

use super::{Entry, Place, Places, Source, Told};

/// The first `size` entries of all that was told, the newest first, and where each source goes on after them.
/// The order within a source stays as it is. A source that has more than it told ends the list where its own
/// ends: what comes next of it is not known.
pub(crate) fn merge(
    told: BTreeMap<Source, Told>,
    from: &Places,
    size: usize,
) -> (Vec<Entry>, Places) {
    let mut places = from.clone();
    let mut merged = Vec::new();
    let mut heads: BTreeMap<Source, Head> = told
        .into_iter()
        .map(|(source, told)| (source, Head::new(told)))
        .collect();
    loop {
        heads.retain(|source, head| {
            if head.is_done() {
                places.remove(source);
            }
            !head.is_done()
        });
        let dry = heads.values().any(|head| head.at().is_none());
        if merged.len() == size || dry {
            break;
        }
        // The first source of several at one time.
        let newest = heads.iter_mut().rev().max_by_key(|(_, head)| head.at());
        let Some((source, entry)) = newest.and_then(|(source, head)| Some((source, head.next()?)))
        else {
            break;
        };
        places.insert(*source, entry.next.clone());
        merged.push(entry);
    }
    // What was looked through in vain need not be looked through again.
    for (source, head) in heads {
        if let (None, Some(rest)) = (head.at(), head.rest) {
            places.insert(source, rest);
        }
    }
    (merged, places)
}

/// What is left of what a source told.
struct Head {
    entries: VecDeque<Entry>,
    rest: Option<Place>,
}

impl Head {
    fn new(told: Told) -> Self {
        Self {
            entries: told.entries.into(),
            rest: told.rest,
        }
    }

    fn at(&self) -> Option<DateTime<Utc>> {
        self.entries.front().map(|entry| entry.at)
    }

    fn next(&mut self) -> Option<Entry> {
        self.entries.pop_front()
    }

    /// Whether there is nothing more, told or untold.
    fn is_done(&self) -> bool {
        self.entries.is_empty() && self.rest.is_none()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use herdbook_proto::team::v1::{EndedRun, activity::Event};

    use super::*;

    fn place(skip: usize) -> Place {
        Place {
            page_token: String::new(),
            skip,
        }
    }

    /// What a source tells of entries at `times`, from `skip` on, at most `most` at a time.
    fn tell(times: &[i64], skip: usize, most: usize) -> Told {
        let end = times.len().min(skip + most);
        let entries = (skip..end).map(|number| Entry {
            at: DateTime::from_timestamp(times[number], 0).unwrap(),
            principal: String::new(),
            event: Event::Run(EndedRun::default()),
            next: place(number + 1),
        });
        Told {
            entries: entries.collect(),
            rest: (end < times.len()).then(|| place(end)),
        }
    }

    /// All entries, by pages of `size` from sources that tell `most` at a time.
    fn pages(sources: &BTreeMap<Source, Vec<i64>>, size: usize, most: usize) -> Vec<i64> {
        let mut places: Places = sources.keys().map(|source| (*source, place(0))).collect();
        let mut all = Vec::new();
        while !places.is_empty() {
            let told = places
                .iter()
                .map(|(source, place)| (*source, tell(&sources[source], place.skip, most)));
            let (page, next) = merge(told.collect(), &places, size);
            assert!(page.len() <= size);
            assert!(
                !page.is_empty() || next.is_empty(),
                "no page is for nothing"
            );
            all.extend(page.iter().map(|entry| entry.at.timestamp()));
            places = next;
        }
        all
    }

    #[test]
    fn pages_of_any_size_are_one_list_each_entry_once() {
        let sources = BTreeMap::from([
            (Source::Runs, vec![90, 70, 70, 50, 10]),
            (Source::Registry, vec![95, 70, 20]),
            (Source::Comments, vec![]),
            (Source::Access, vec![5]),
        ]);
        for size in 1..12 {
            for most in 1..7 {
                let found = pages(&sources, size, most);
                assert_eq!(found, [95, 90, 70, 70, 70, 50, 20, 10, 5], "{size} {most}");
            }
        }
    }

    #[test]
    fn what_a_source_has_out_of_order_is_neither_lost_nor_doubled() {
        let sources = BTreeMap::from([
            (Source::Registry, vec![50, 60, 40]),
            (Source::Runs, vec![55, 45]),
        ]);
        let mut found = pages(&sources, 2, 3);
        found.sort_unstable();
        assert_eq!(found, [40, 45, 50, 55, 60]);
    }
}
