//! A proof as it was exported: read, checked and compared without a server.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use herdbook_core::Digest;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    edge::{Edge, EdgeType},
    facts::Facts,
    node::{Node, NodeKey},
    proof::{Proof, Question, Suspect},
};

/// A proof as `ExportProof` wrote it.
#[derive(Debug)]
pub struct ExportedProof {
    proof: Proof,
    digest: Digest,
    decided_at: DateTime<Utc>,
}

/// A text that is no proof, or one that was altered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamagedProof {
    /// A line is not what `ExportProof` writes.
    #[error(
        "line {0} is not one of a proof; a proof is what `herdbook lineage prove --save` writes"
    )]
    Line(usize),
    /// The digest is that of another text.
    #[error("it was altered: its text has the digest {found}, and its last line says {said}")]
    Digest {
        /// Of the text as it is.
        found: Digest,
        /// As the last line has it.
        said: Digest,
    },
    /// The digest fits, and yet nothing Herdbook would have written.
    #[error("it was made up: {0}")]
    MadeUp(String),
}

type Key = (String, String, String);

#[derive(Deserialize)]
#[serde(untagged)]
enum SuspectLine {
    Node(Key),
    Named((String, String)),
}

impl ExportedProof {
    /// Reads a proof and checks it: the digest is that of the text, the set of ancestors is closed, and the
    /// verdict is what they say.
    pub fn read(text: &str) -> Result<Self, DamagedProof> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let lines: Vec<&str> = text.split('\n').collect();
        let (body, last) = match lines.split_last() {
            Some((last, body)) => (body, last),
            None => return Err(DamagedProof::Line(1)),
        };
        let (said, decided_at) = read_last(last).ok_or(DamagedProof::Line(lines.len()))?;
        let mut hash = Sha256::new();
        for line in body {
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
        let found = Digest(hash.finalize().into());
        if found != said {
            return Err(DamagedProof::Digest { found, said });
        }
        let proof = read_body(body, decided_at)?;
        check_closed(&proof)?;
        if !proof.lines().eq(body.iter().copied()) {
            let what = "its lines are not those that its nodes and edges come to";
            return Err(DamagedProof::MadeUp(what.to_owned()));
        }
        Ok(Self {
            proof,
            digest: said,
            decided_at,
        })
    }

    /// The digest of its text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// When it was decided.
    #[must_use]
    pub fn decided_at(&self) -> DateTime<Utc> {
        self.decided_at
    }

    /// `CLEAN`, `TAINTED` or `INCOMPLETE`.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        self.proof.verdict.name()
    }

    /// How many nodes were examined.
    #[must_use]
    pub fn examined(&self) -> usize {
        self.proof.nodes.len()
    }

    /// The question in the notation of requests: whose descent, what is suspected, and which tags are.
    #[must_use]
    pub fn question(&self) -> (String, Vec<String>, Vec<String>) {
        let question = &self.proof.question;
        let suspects = question.suspects.iter().map(|suspect| match suspect {
            Suspect::Named { kind, name } => format!("{kind}:{name}"),
            Suspect::Node(key) => reference(key),
        });
        let tags = question.tags.iter().cloned();
        (
            reference(&question.subject),
            suspects.collect(),
            tags.collect(),
        )
    }

    /// What is different in `later`, a line each; nothing if it says the same.
    #[must_use]
    pub fn changes(&self, later: &Self) -> Vec<String> {
        let said = |proof: &Proof| proof.lines().collect::<BTreeSet<_>>();
        if said(&self.proof) == said(&later.proof) {
            return Vec::new();
        }
        let (before, after) = (&self.proof, &later.proof);
        let mut changes = Vec::new();
        for (key, node) in &after.nodes {
            match before.nodes.get(key) {
                None => changes.push(format!("it descends from {} too", key.brief())),
                Some(known) => changes.extend(tag_changes(known, node)),
            }
        }
        let gone = before
            .nodes
            .keys()
            .filter(|key| !after.nodes.contains_key(*key));
        changes
            .extend(gone.map(|key| format!("it does not descend from {} any more", key.brief())));
        let edges = |one: &Proof, other: &Proof, what: &str| -> Vec<String> {
            let differ = one.edges.difference(&other.edges).map(|edge| {
                let (source, target) = (edge.source.brief(), edge.target.brief());
                format!("{what}: {source} {} {target}", edge.edge_type.words())
            });
            differ.collect()
        };
        changes.extend(edges(after, before, "recorded since"));
        changes.extend(edges(before, after, "not recorded any more"));
        if before.verdict != after.verdict {
            let (was, is) = (before.verdict.name(), after.verdict.name());
            changes.push(format!("the verdict was {was} and is {is}"));
        }
        changes
    }
}

fn tag_changes(before: &Node, after: &Node) -> Vec<String> {
    let name = after.key.brief();
    let (was, is) = (&before.facts.tags, &after.facts.tags);
    let put = is
        .difference(was)
        .map(|tag| format!("{name} was tagged {tag}"));
    let taken = was
        .difference(is)
        .map(|tag| format!("{name} is not tagged {tag} any more"));
    let told = (before.bare && !after.bare).then(|| format!("{name} was recorded itself"));
    put.chain(taken).chain(told).collect()
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str) -> Option<T> {
    serde_json::from_str(line).ok()
}

fn read_body(lines: &[&str], at: DateTime<Utc>) -> Result<Proof, DamagedProof> {
    let damaged = |index: usize| DamagedProof::Line(index + 1);
    let (mut nodes, mut edges, mut question) = (BTreeMap::new(), BTreeSet::new(), None);
    for (index, line) in lines.iter().enumerate() {
        match line.split_once(',').map_or("", |(start, _)| start) {
            r#"["question""# => question = read_question(line),
            r#"["node""# => {
                let node = read_node(line, at).ok_or_else(|| damaged(index))?;
                nodes.insert(node.key.clone(), node);
            }
            r#"["edge""# => {
                edges.insert(read_edge(line).ok_or_else(|| damaged(index))?);
            }
            r#"["verdict""# => {}
            _ => return Err(damaged(index)),
        }
    }
    let question = question.ok_or_else(|| damaged(0))?;
    Ok(Proof::decide(question, nodes, edges))
}

fn read_last(line: &str) -> Option<(Digest, DateTime<Utc>)> {
    let (name, said, time): (String, String, String) = parse(line)?;
    let digest: Digest = said.parse().ok()?;
    let time = DateTime::parse_from_rfc3339(&time).ok()?;
    // A digest may be written in other ways, but not here.
    (name == "digest" && said == digest.to_string()).then(|| (digest, time.to_utc()))
}

fn read_question(line: &str) -> Option<Question> {
    let (_, subject, suspects, tags): (String, Key, Vec<SuspectLine>, BTreeSet<String>) =
        parse(line)?;
    let suspects = suspects.into_iter().map(|suspect| match suspect {
        SuspectLine::Node(node) => Suspect::Node(key(node)),
        SuspectLine::Named((kind, name)) => Suspect::Named { kind, name },
    });
    Some(Question {
        subject: key(subject),
        suspects: suspects.collect(),
        tags,
    })
}

fn read_node(line: &str, at: DateTime<Utc>) -> Option<Node> {
    let (_, node, bare, tags): (String, Key, bool, BTreeSet<String>) = parse(line)?;
    Some(Node {
        key: key(node),
        facts: Facts {
            tags,
            ..Default::default()
        },
        bare,
        recorded_at: at,
    })
}

fn read_edge(line: &str) -> Option<Edge<NodeKey>> {
    let (_, source, target, name, label): (String, Key, Key, String, String) = parse(line)?;
    Some(Edge {
        source: key(source),
        target: key(target),
        edge_type: EdgeType::from_name(&name)?,
        label,
    })
}

fn key((kind, name, version): Key) -> NodeKey {
    NodeKey {
        kind,
        name,
        version,
    }
}

/// The reference that means a node and no other: a trailing `@` is the node without a version.
fn reference(key: &NodeKey) -> String {
    format!("{}:{}@{}", key.kind, key.name, key.version)
}

/// Checks that the nodes are the subject and what it came from, and nothing else.
fn check_closed(proof: &Proof) -> Result<(), DamagedProof> {
    let mut sources: BTreeMap<&NodeKey, Vec<&NodeKey>> = BTreeMap::new();
    for edge in &proof.edges {
        sources.entry(&edge.target).or_default().push(&edge.source);
    }
    let mut reached = BTreeSet::from([&proof.question.subject]);
    let mut next = vec![&proof.question.subject];
    while let Some(node) = next.pop() {
        let sources = sources.get(node).into_iter().flatten();
        next.extend(sources.filter(|source| reached.insert(source)));
    }
    match reached.into_iter().eq(proof.nodes.keys()) {
        true => Ok(()),
        false => {
            let what = "its nodes are not those that its edges lead to";
            Err(DamagedProof::MadeUp(what.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
