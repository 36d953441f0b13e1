//! What is different in what two things came from, as people say it.

use std::collections::{BTreeMap, BTreeSet};

use herdbook_core::Digest;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    making::{Descent, Making},
    node::{Node, kind},
};

/// Bytes of a fact that is told whole; of a longer one its digest is.
const WHOLE_BYTES: usize = 1_024;

/// What a change is about; the numbers are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub(crate) enum Aspect {
    Data = 1,
    Code = 2,
    Param = 3,
    Environment = 4,
    Package = 5,
    Run = 6,
    Model = 7,
    Tag = 8,
}

/// Something that is different; a side is `None` where it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) aspect: Aspect,
    pub(crate) name: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) facts: Vec<Fact>,
}

/// A fact that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// What is different, and how much is not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) changes: Vec<Change>,
    pub(crate) same_data: usize,
    pub(crate) same_params: usize,
    pub(crate) same_packages: usize,
}

type Texts = BTreeMap<String, String>;

/// Compares what two things came from. Data, models and tags count anywhere in the descent; code, params,
/// environment and the run itself are those of the run that made the thing.
pub(crate) fn compare(from: &Descent, to: &Descent) -> Comparison {
    let (before, after) = (from.making(), to.making());
    let sides = |of: fn(&Making<'_>) -> Texts| {
        let side = |making: &Option<Making<'_>>| making.as_ref().map(of).unwrap_or_default();
        (side(&before), side(&after))
    };
    let (mut changes, same_data) = states(Aspect::Data, from, to, kind::DATASET);
    let (code, _) = texts(Aspect::Code, sides(code));
    changes.extend(code.into_iter().map(|change| Change {
        facts: facts(sides(branch)),
        ..change
    }));
    let (params, same_params) = texts(Aspect::Param, sides(params));
    let (environment, _) = texts(Aspect::Environment, sides(environment));
    let (packages, same_packages) = texts(Aspect::Package, sides(packages));
    let (run, _) = texts(Aspect::Run, sides(run));
    let (models, _) = states(Aspect::Model, from, to, kind::MODEL_VERSION);
    let (tags, _) = texts(Aspect::Tag, (tags(from), tags(to)));
    for part in [params, environment, packages, run, models, tags] {
        changes.extend(part);
    }
    Comparison {
        changes,
        same_data,
        same_params,
        same_packages,
    }
}

/// The entries of two maps that are different, and how many are the same.
fn texts(aspect: Aspect, (from, to): (Texts, Texts)) -> (Vec<Change>, usize) {
    let differ = facts((from.clone(), to.clone()));
    let names: BTreeSet<_> = from.keys().chain(to.keys()).collect();
    let same = names.len() - differ.len();
    let change = |fact: Fact| Change {
        aspect,
        name: fact.name,
        from: fact.from,
        to: fact.to,
        facts: Vec::new(),
    };
    (differ.into_iter().map(change).collect(), same)
}

fn facts((from, to): (Texts, Texts)) -> Vec<Fact> {
    let names: BTreeSet<_> = from.keys().chain(to.keys()).collect();
    let fact = |name: &String| {
        let (from, to) = (from.get(name), to.get(name));
        (from != to).then(|| Fact {
            name: name.clone(),
            from: from.cloned(),
            to: to.cloned(),
        })
    };
    names.into_iter().filter_map(fact).collect()
}

/// The nodes of a kind by name and state, the things in question themselves left out. Where a name has one
/// state on each side that the other lacks, these are told as one change.
fn states(aspect: Aspect, from: &Descent, to: &Descent, kind: &str) -> (Vec<Change>, usize) {
    let by_name = |descent: &'_ Descent| {
        let mut found: BTreeMap<String, BTreeMap<String, Node>> = BTreeMap::new();
        let nodes = descent.pedigree.nodes.values();
        for node in nodes.filter(|node| node.key.kind == kind && node.key != descent.subject) {
            let states = found.entry(node.key.name.clone()).or_default();
            states.insert(node.key.version.clone(), node.clone());
        }
        found
    };
    let (mut before, mut after) = (by_name(from), by_name(to));
    let names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    let (mut changes, mut same) = (Vec::new(), 0);
    for name in names {
        let mut from = before.remove(&name).unwrap_or_default();
        let mut to = after.remove(&name).unwrap_or_default();
        let shared: Vec<String> = from
            .keys()
            .filter(|state| to.contains_key(*state))
            .cloned()
            .collect();
        same += shared.len();
        for state in shared {
            from.remove(&state);
            to.remove(&state);
        }
        let change = |from: Option<&Node>, to: Option<&Node>| Change {
            aspect,
            name: name.clone(),
            from: from.map(|node| node.key.version.clone()),
            to: to.map(|node| node.key.version.clone()),
            facts: match (from, to) {
                (Some(from), Some(to)) => facts((known(from), known(to))),
                _ => Vec::new(),
            },
        };
        match (from.len(), to.len()) {
            (1, 1) => changes.push(change(from.values().next(), to.values().next())),
            _ => {
                changes.extend(from.values().map(|node| change(Some(node), None)));
                changes.extend(to.values().map(|node| change(None, Some(node))));
            }
        }
    }
    (changes, same)
}

/// What is known about a state: its facts, those of its profile (rows, columns) one by one.
fn known(node: &Node) -> Texts {
    /// Those that name the node over again.
    const NAMES: [&str; 4] = ["model", "version", "digest", "run_id"];
    let mut known = Texts::new();
    for (name, attribute) in &node.facts.attributes {
        let value = attribute.value.as_str();
        match (name.as_str(), serde_json::from_str(value)) {
            _ if value.is_empty() || NAMES.contains(&name.as_str()) => {}
            ("profile", Ok(Value::Object(profile))) => {
                known.extend(profile.into_iter().map(|(name, value)| match value {
                    Value::String(text) => (name, text),
                    value => (name, value.to_string()),
                }));
            }
            _ if value.len() > WHOLE_BYTES => {
                let digest = Digest(Sha256::digest(value.as_bytes()).into());
                known.insert(name.clone(), digest.to_string());
            }
            _ => {
                known.insert(name.clone(), value.to_owned());
            }
        }
    }
    known
}

fn code(making: &Making<'_>) -> Texts {
    let code = making.code.iter();
    code.map(|node| (node.key.name.clone(), node.key.version.clone()))
        .collect()
}

fn branch(making: &Making<'_>) -> Texts {
    given(making.run, &["branch"])
}

fn params(making: &Making<'_>) -> Texts {
    making.params()
}

fn environment(making: &Making<'_>) -> Texts {
    let node = making.environment;
    node.map(|node| given(node, &["python_version", "platform"]))
        .unwrap_or_default()
}

/// Packages by their name in lower case, as pip compares them.
fn packages(making: &Making<'_>) -> Texts {
    let package = |line: &str| {
        let end = line.find(['=', '<', '>', '!', '~', '@', ' ', '[', ';']);
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        let version = rest.strip_prefix("==").unwrap_or(rest);
        (
            name.to_lowercase().replace('_', "-"),
            version.trim().to_owned(),
        )
    };
    making.requirements().map(package).collect()
}

fn run(making: &Making<'_>) -> Texts {
    let mut facts = given(making.run, &["name", "user", "entry_point", "status"]);
    facts.insert("id".to_owned(), making.run.key.name.clone());
    let command = making.command().join(" ");
    if !command.is_empty() {
        facts.insert("command".to_owned(), command);
    }
    facts
}

fn given(node: &Node, names: &[&str]) -> Texts {
    let value = |name: &&str| Some(((*name).to_owned(), node.attribute(name)?.to_owned()));
    names.iter().filter_map(value).collect()
}

/// What has each tag.
fn tags(descent: &Descent) -> Texts {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in descent.pedigree.nodes.values() {
        for tag in &node.facts.tags {
            let has = found.entry(tag.clone()).or_default();
            has.push(node.key.brief());
        }
    }
    let joined = |(tag, has): (String, Vec<String>)| (tag, has.join(", "));
    found.into_iter().map(joined).collect()
}

#[cfg(test)]
mod tests;
