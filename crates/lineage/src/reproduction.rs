//! Everything that is needed to make a thing again.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    completeness::{self, Purpose},
    making::{Descent, Making, is_seed},
    node::{Node, NodeKey},
};

/// What is needed, and what of it is missing.
#[derive(Debug, Default)]
pub(crate) struct Reproduction {
    pub(crate) run: String,
    pub(crate) data: Vec<Data>,
    pub(crate) code: Option<Code>,
    pub(crate) command: Vec<String>,
    pub(crate) environment: Option<Environment>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) seeds: Vec<String>,
    pub(crate) based_on: Vec<NodeKey>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) metrics: BTreeMap<String, String>,
    pub(crate) missing: Vec<Gap>,
}

/// Data that the run read.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) key: NodeKey,
    pub(crate) uri: String,
    pub(crate) context: String,
}

/// Code that it ran.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) repository: String,
    pub(crate) commit: String,
    pub(crate) branch: String,
    pub(crate) dirty: bool,
    pub(crate) diff_digest: String,
    pub(crate) entry_point: String,
}

/// What it ran in.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) python_version: String,
    pub(crate) platform: String,
    pub(crate) requirements: Vec<String>,
    pub(crate) digest: String,
}

/// A file that came out of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Output {
    pub(crate) path: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

/// Something that is needed and not known.
#[derive(Debug)]
pub(crate) struct Gap {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// What is needed to make what `descent` is of, whose run left `outputs`.
pub(crate) fn of(descent: &Descent, outputs: &[Node]) -> Reproduction {
    let findings = completeness::check(descent, outputs);
    let gaps = findings.into_iter().filter(|finding| {
        finding.rule.purpose == Purpose::Reproduction && !finding.missing_at.is_empty()
    });
    let gap = |finding: completeness::Finding| {
        let places: Vec<_> = finding
            .missing_at
            .iter()
            .take(5)
            .map(NodeKey::brief)
            .collect();
        Gap {
            what: format!("{}; not so of {}", finding.rule.asks, places.join(", ")),
            remedy: finding.rule.remedy.to_owned(),
        }
    };
    let mut missing: Vec<Gap> = gaps.map(gap).collect();
    let Some(making) = descent.making() else {
        return Reproduction {
            missing,
            ..Default::default()
        };
    };
    missing.extend(uncheckable(&making));
    let params = making.params();
    Reproduction {
        run: making.run.key.name.clone(),
        data: data(&making),
        code: code(&making),
        command: making.command(),
        environment: environment(&making),
        seeds: params
            .keys()
            .filter(|name| is_seed(name))
            .cloned()
            .collect(),
        params,
        based_on: making.bases.iter().map(|key| (*key).clone()).collect(),
        outputs: newest(outputs),
        metrics: descent.node().map(metrics).unwrap_or_default(),
        missing,
    }
}

/// Data whose digest nobody but its writer can check.
fn uncheckable(making: &Making<'_>) -> impl Iterator<Item = Gap> {
    let data = making.data.iter().map(|(node, _)| &node.key);
    let uncheckable =
        data.filter(|key| !key.version.is_empty() && !completeness::is_checkable(&key.version));
    uncheckable.map(|key| Gap {
        what: format!("the digest of {} is not the SHA-256 of a file", key.brief()),
        remedy: "log inputs with the SHA-256 of their files, as sha256:…".to_owned(),
    })
}

/// What the run read, once each whatever it was read for.
fn data(making: &Making<'_>) -> Vec<Data> {
    let mut found: BTreeMap<&NodeKey, Data> = BTreeMap::new();
    for (node, context) in &making.data {
        let new = || Data {
            key: node.key.clone(),
            uri: text(node, "uri"),
            context: String::new(),
        };
        let data = found.entry(&node.key).or_insert_with(new);
        if !data.context.is_empty() && !context.is_empty() {
            data.context.push_str(", ");
        }
        data.context.push_str(context);
    }
    found.into_values().collect()
}

fn code(making: &Making<'_>) -> Option<Code> {
    let (repository, commit) = making.commit()?;
    Some(Code {
        repository: repository.to_owned(),
        commit: commit.to_owned(),
        branch: text(making.run, "branch"),
        dirty: making.is_dirty(),
        diff_digest: text(making.run, "diff_digest"),
        entry_point: text(making.run, "entry_point"),
    })
}

fn environment(making: &Making<'_>) -> Option<Environment> {
    let node = making.environment?;
    Some(Environment {
        python_version: text(node, "python_version"),
        platform: text(node, "platform"),
        requirements: making.requirements().map(str::to_owned).collect(),
        digest: node.key.version.clone(),
    })
}

/// What the run left, of each path what it left last.
fn newest(outputs: &[Node]) -> Vec<Output> {
    let mut by_path: BTreeMap<String, &Node> = BTreeMap::new();
    for node in outputs {
        let newer = |known: &&Node| (known.recorded_at, &known.key) < (node.recorded_at, &node.key);
        let path = text(node, "path");
        if by_path.get(&path).is_none_or(newer) {
            by_path.insert(path, node);
        }
    }
    let output = |(path, node): (String, &Node)| Output {
        path,
        digest: node.key.version.clone(),
        size: text(node, "size").parse().unwrap_or_default(),
    };
    by_path.into_iter().map(output).collect()
}

fn metrics(node: &Node) -> BTreeMap<String, String> {
    let metrics = node.attribute("metrics").unwrap_or_default();
    let metrics: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(metrics).unwrap_or_default();
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        number => number.to_string(),
    };
    metrics
        .into_iter()
        .map(|(key, value)| (key, text(value)))
        .collect()
}

fn text(node: &Node, name: &str) -> String {
    node.attribute(name).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
