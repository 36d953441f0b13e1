//! How a thing was made: the run that made it, and what that run used.

use std::collections::BTreeMap;

use crate::{
    edge::EdgeType,
    node::{Node, NodeKey, kind},
    pedigree::Pedigree,
};

/// The one node in question, with all it came from.
#[derive(Debug)]
pub(crate) struct Descent {
    pub(crate) subject: NodeKey,
    pub(crate) pedigree: Pedigree,
}

/// The run that made something, and what it used.
#[derive(Debug)]
pub(crate) struct Making<'a> {
    pub(crate) run: &'a Node,
    /// Data with what it was for.
    pub(crate) data: Vec<(&'a Node, &'a str)>,
    pub(crate) code: Option<&'a Node>,
    pub(crate) environment: Option<&'a Node>,
    /// Registered versions it started from.
    pub(crate) bases: Vec<&'a NodeKey>,
}

impl Descent {
    pub(crate) fn node(&self) -> Option<&Node> {
        self.pedigree.nodes.get(&self.subject)
    }

    /// How it was made: by itself if it is a run, else by the newest run that generated it.
    pub(crate) fn making(&self) -> Option<Making<'_>> {
        let nodes = &self.pedigree.nodes;
        let edges = self.pedigree.edges.iter();
        let makers = edges.clone().filter_map(|edge| {
            let made = edge.target == self.subject && edge.edge_type == EdgeType::Generated;
            let run = made && edge.source.kind == kind::RUN;
            run.then(|| nodes.get(&edge.source)).flatten()
        });
        let run = match self.subject.kind.as_str() {
            kind::RUN => self.node()?,
            _ => makers.max_by_key(|run| (run.recorded_at, &run.key))?,
        };
        let mut making = Making {
            run,
            data: Vec::new(),
            code: None,
            environment: None,
            bases: Vec::new(),
        };
        let used = edges.filter(|edge| edge.target == run.key && edge.edge_type == EdgeType::Used);
        for edge in used {
            let Some(node) = nodes.get(&edge.source) else {
                continue;
            };
            match node.key.kind.as_str() {
                kind::DATASET => making.data.push((node, &edge.label)),
                kind::CODE => making.code = Some(node),
                kind::ENVIRONMENT => making.environment = Some(node),
                kind::MODEL_VERSION => making.bases.push(&node.key),
                _ => {}
            }
        }
        Some(making)
    }
}

impl<'a> Making<'a> {
    /// Its params; none if none are known, or so many were logged that they were not told.
    pub(crate) fn params(&self) -> BTreeMap<String, String> {
        let params = self.run.attribute("params").unwrap_or_default();
        serde_json::from_str(params).unwrap_or_default()
    }

    /// Its command line, a word each; empty if it is not known.
    pub(crate) fn command(&self) -> Vec<String> {
        let command = self.run.attribute("command");
        command
            .and_then(|command| serde_json::from_str(command).ok())
            .unwrap_or_default()
    }

    /// Whether the work tree had changes that the commit lacks.
    pub(crate) fn is_dirty(&self) -> bool {
        self.run.attribute("dirty") == Some("true")
    }

    /// The repository and the commit in it, without changes to that.
    pub(crate) fn commit(&self) -> Option<(&'a str, &'a str)> {
        let code = &self.code?.key;
        let state = code.version.as_str();
        let commit = match self.is_dirty() {
            true => state.rsplit_once('+').map_or(state, |(commit, _)| commit),
            false => state,
        };
        Some((&code.name, commit))
    }

    /// What is installed, a requirement each.
    pub(crate) fn requirements(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let requirements = self
            .environment
            .and_then(|node| node.attribute("requirements"));
        let lines = requirements.unwrap_or_default().lines().map(str::trim);
        lines.filter(|line| !line.is_empty())
    }
}

/// Whether a param of this name seeds random numbers.
pub(crate) fn is_seed(param: &str) -> bool {
    let words = param.split(['_', '-', '.', '/']);
    let last = param.to_lowercase();
    last.ends_with("random_state")
        || words
            .into_iter()
            .any(|word| word.eq_ignore_ascii_case("seed"))
}

#[cfg(test)]
pub(crate) mod sample;
