//! What is different between two versions.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use herdbook_proto::registry::v1 as proto;
use similar::TextDiff;

use crate::{
    descent::Ancestors,
    policy::Direction,
    schema::{Schema, SchemaField},
    version::{File, Version},
};

/// Files that are listed.
const FILES: usize = 10_000;
/// Ancestors that are listed, of each version.
const ANCESTORS: usize = 1_000;
/// How long the shortest diff of texts is looked for; a longer one will do after that.
const PATIENCE: Duration = Duration::from_millis(200);

/// Fields that differ, other than texts of several lines.
pub(crate) fn fields(from: &Version, to: &Version) -> Vec<proto::Difference> {
    let of = |version: &Version| {
        [
            ("label", version.label.clone()),
            ("stage", version.stage.clone()),
            ("flavor", version.flavor.clone()),
            ("source", version.source.clone()),
            ("digest", version.digest.to_string()),
            ("created_by", version.created_by.clone()),
            ("card.licence", version.card.licence.clone()),
        ]
    };
    let both = of(from).into_iter().zip(of(to));
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    let each = both.map(|((name, from), (_, to))| (name.to_owned(), said(from), said(to)));
    differences(each)
}

/// Entries of two maps that differ.
pub(crate) fn pairs(
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
) -> Vec<proto::Difference> {
    let keys: BTreeSet<_> = from.keys().chain(to.keys()).collect();
    let each = keys.into_iter();
    differences(each.map(|key| (key.clone(), from.get(key).cloned(), to.get(key).cloned())))
}

fn differences(
    each: impl Iterator<Item = (String, Option<String>, Option<String>)>,
) -> Vec<proto::Difference> {
    let differ = each.filter(|(_, from, to)| from != to);
    differ
        .map(|(name, from, to)| proto::Difference { name, from, to })
        .collect()
}

/// Inputs and outputs that differ.
pub(crate) fn schemas(from: Option<&Schema>, to: Option<&Schema>) -> Vec<proto::Difference> {
    let of = |schema: Option<&Schema>| {
        let sides = schema
            .into_iter()
            .flat_map(|schema| [("inputs", &schema.inputs), ("outputs", &schema.outputs)]);
        let written = sides.flat_map(|(side, fields)| {
            fields
                .iter()
                .map(move |field| (format!("{side}.{}", field.name), written(field)))
        });
        written.collect()
    };
    pairs(&of(from), &of(to))
}

fn written(field: &SchemaField) -> String {
    let sizes = field.shape.iter().map(ToString::to_string);
    let shape = match field.shape.is_empty() {
        true => String::new(),
        false => format!("[{}]", sizes.collect::<Vec<_>>().join(", ")),
    };
    let optional = if field.optional { ", optional" } else { "" };
    format!("{}{shape}{optional}", field.kind)
}

/// All metrics that either has; `better` says which way, by key.
pub(crate) fn metrics(
    from: &Version,
    to: &Version,
    better: &BTreeMap<String, Direction>,
) -> Vec<proto::MetricDifference> {
    let keys: BTreeSet<_> = from.metrics.keys().chain(to.metrics.keys()).collect();
    let each = keys.into_iter().map(|key| {
        let (from, to) = (from.metrics.get(key).copied(), to.metrics.get(key).copied());
        let difference = to.zip(from).map(|(to, from)| to - from);
        let better = match better.get(key) {
            Some(Direction::Higher) => proto::Direction::Higher,
            Some(Direction::Lower) => proto::Direction::Lower,
            None => proto::Direction::Unspecified,
        };
        proto::MetricDifference {
            key: key.clone(),
            from,
            to,
            difference: difference.filter(|difference| !difference.is_nan()),
            better: better.into(),
        }
    });
    each.collect()
}

/// What became of files.
pub(crate) fn files(from: &[File], to: &[File]) -> proto::FileDifferences {
    let by_path = |files: &'_ [File]| -> BTreeMap<String, File> {
        let files = files.iter();
        files
            .map(|file| (file.path.clone(), file.clone()))
            .collect()
    };
    let (from, to) = (by_path(from), by_path(to));
    let paths: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let mut found = proto::FileDifferences::default();
    let size = |file: Option<&File>| {
        let size = file.map_or(0, |file| file.size);
        i64::try_from(size).unwrap_or(i64::MAX)
    };
    let digest =
        |file: Option<&File>| file.map_or_else(String::new, |file| file.digest.to_string());
    for path in paths {
        let (old, new) = (from.get(path), to.get(path));
        match (old, new) {
            (Some(old), Some(new)) if old.digest == new.digest => {
                found.same += 1;
                found.same_bytes += size(Some(new));
                continue;
            }
            (Some(_), Some(_)) => found.changed += 1,
            (None, _) => found.added += 1,
            (_, None) => found.removed += 1,
        }
        if found.differ.len() < FILES {
            found.differ.push(proto::FileDifference {
                path: path.clone(),
                from_digest: digest(old),
                to_digest: digest(new),
                from_size: size(old),
                to_size: size(new),
            });
        }
    }
    found
}

/// Descriptions and cards as a unified diff; empty if they are the same.
pub(crate) fn texts(from: &Version, to: &Version) -> String {
    let (old, new) = (document(from), document(to));
    if old == new {
        return String::new();
    }
    let name = |version: &Version| format!("{}/{}", version.model, version.number);
    TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(&old, &new)
        .unified_diff()
        .header(&name(from), &name(to))
        .to_string()
}

/// Description and card in Markdown.
fn document(version: &Version) -> String {
    let titles = ["Usage notes", "Intended use", "Limits", "Licence"];
    let card = titles.into_iter().zip(version.card.fields());
    let sections = std::iter::once(("Description", &version.description)).chain(card);
    let said = sections.filter(|(_, text)| !text.trim().is_empty());
    said.map(|(title, text)| format!("## {title}\n\n{}\n\n", text.trim_end()))
        .collect()
}

/// What two versions descend from; `None` where lineage does not know the version yet.
pub(crate) fn lineage(
    from: Option<&Ancestors>,
    to: Option<&Ancestors>,
) -> proto::LineageDifference {
    let unknown = Ancestors::default();
    let incomplete = from.is_none() || to.is_none();
    let (from, to) = (from.unwrap_or(&unknown), to.unwrap_or(&unknown));
    let only = |own: &Ancestors, other: &Ancestors| {
        let other: BTreeSet<_> = other.nodes.iter().collect();
        let nodes = own.nodes.iter().filter(|node| !other.contains(node));
        nodes.cloned().collect::<Vec<_>>()
    };
    let (mut only_from, mut only_to) = (only(from, to), only(to, from));
    let common = from.nodes.len() - only_from.len();
    let long = only_from.len() > ANCESTORS || only_to.len() > ANCESTORS;
    only_from.truncate(ANCESTORS);
    only_to.truncate(ANCESTORS);
    proto::LineageDifference {
        only_from,
        only_to,
        common: i64::try_from(common).unwrap_or(i64::MAX),
        truncated: long || from.truncated || to.truncated,
        incomplete,
    }
}

#[cfg(test)]
mod tests {
    use herdbook_core::Digest;

    use super::*;

    fn file(path: &str, digest: u8, size: u64) -> File {
        File {
            path: path.to_owned(),
            size,
            digest: Digest([digest; 32]),
        }
    }

    #[test]
    fn files_are_compared_by_their_digests() {
        let from = [file("a", 1, 10), file("b", 2, 20), file("c", 3, 30)];
        let to = [file("b", 2, 20), file("c", 4, 31), file("d", 1, 10)];
        let found = files(&from, &to);
        let paths: Vec<_> = found.differ.iter().map(|file| &*file.path).collect();
        assert_eq!(paths, ["a", "c", "d"]);
        assert_eq!((found.added, found.removed, found.changed), (1, 1, 1));
        assert_eq!((found.same, found.same_bytes), (1, 20));
        let changed = &found.differ[1];
        assert_eq!((changed.from_size, changed.to_size), (30, 31));
    }

    #[test]
    fn ancestors_of_one_alone_are_told_nearest_first() {
        let of = |nodes: &[&str]| Ancestors {
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            truncated: false,
        };
        let (from, to) = (of(&["run:1", "dataset:a"]), of(&["run:2", "dataset:a"]));
        let found = lineage(Some(&from), Some(&to));
        assert_eq!(
            (found.only_from, found.only_to, found.common),
            (vec!["run:1".to_owned()], vec!["run:2".to_owned()], 1)
        );
        assert!(!found.truncated && !found.incomplete);
        let many: Vec<String> = (0..1_001).map(|n| format!("run:{n}")).collect();
        let many = Ancestors {
            nodes: many,
            truncated: false,
        };
        let found = lineage(Some(&many), None);
        assert!(found.truncated && found.incomplete);
        assert_eq!(found.only_from.len(), 1_000);
    }
}
