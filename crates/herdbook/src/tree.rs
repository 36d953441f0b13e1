//! A version's pedigree as a person would write it down.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use herdbook_proto::lineage::v1::{Edge, Graph, GraphNode, Node, NodeKey};

use crate::output::short;

/// Kinds under the headings they stand under, in this order.
const SECTIONS: [(&str, &[&str]); 5] = [
    ("Data", &["dataset", "feature_set", "artifact"]),
    ("Code", &["code", "pipeline"]),
    ("Experiment", &["run"]),
    ("Models", &["model_version"]),
    ("Environment", &["environment"]),
];

/// Draws `graph`, the ancestors of one node, under `title`.
pub(crate) fn draw(title: &str, graph: &Graph) -> String {
    let ancestors: Vec<&GraphNode> = graph.nodes.iter().filter(|node| node.depth > 0).collect();
    let named = |kind: &str| SECTIONS.iter().any(|(_, kinds)| kinds.contains(&kind));
    let mut sections: Vec<(&str, Vec<&Node>)> = Vec::new();
    for (heading, kinds) in SECTIONS {
        sections.push((heading, of_kinds(&ancestors, |kind| kinds.contains(&kind))));
    }
    sections.push(("Other", of_kinds(&ancestors, |kind| !named(kind))));
    sections.retain(|(_, nodes)| !nodes.is_empty());

    let all = graph.nodes.iter().filter_map(|node| node.node.as_ref());
    let runs: HashMap<&NodeKey, &Node> = all
        .filter_map(|node| Some((node.key.as_ref().filter(|key| key.kind == "run")?, node)))
        .collect();
    let mut lines = vec![title.to_owned()];
    let last_section = sections.len().saturating_sub(1);
    for (index, (heading, nodes)) in sections.iter().enumerate() {
        let (branch, bar) = if index == last_section {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        lines.push(format!("{branch} {heading}"));
        let roots = forest(nodes, &graph.edges, &runs);
        draw_forest(&roots, &format!("{bar} "), &mut lines);
    }
    if sections.is_empty() {
        lines.push("└─ nothing is recorded that it came from".to_owned());
    }
    if graph.truncated {
        lines.push("   … there is more; ask for it with a larger --depth".to_owned());
    }
    lines.join("\n")
}

fn of_kinds<'a>(nodes: &[&'a GraphNode], holds: impl Fn(&str) -> bool) -> Vec<&'a Node> {
    let nodes = nodes.iter().filter_map(|node| node.node.as_ref());
    nodes
        .filter(|node| node.key.as_ref().is_some_and(|key| holds(&key.kind)))
        .collect()
}

/// A node with what came before it in the same section.
struct Branch<'a> {
    node: &'a Node,
    /// How it was run, of code.
    usage: String,
    /// How the node below came from this one.
    label: &'a str,
    before: Vec<Branch<'a>>,
}

/// The nodes of a section by descent: those nothing else in it came from at the top.
fn forest<'a>(
    nodes: &[&'a Node],
    edges: &'a [Edge],
    runs: &HashMap<&NodeKey, &Node>,
) -> Vec<Branch<'a>> {
    let by_key: HashMap<&NodeKey, &'a Node> = nodes
        .iter()
        .filter_map(|node| Some((node.key.as_ref()?, *node)))
        .collect();
    let mut sources: HashMap<&NodeKey, BTreeMap<String, (&'a Node, &'a str)>> = HashMap::new();
    let mut has_later: Vec<&NodeKey> = Vec::new();
    for edge in edges {
        let (Some(source), Some(target)) = (&edge.source, &edge.target) else {
            continue;
        };
        let (Some(node), true) = (by_key.get(source), by_key.contains_key(target)) else {
            continue;
        };
        has_later.push(source);
        let name = format!("{} {}", source.name, source.version);
        sources
            .entry(target)
            .or_default()
            .insert(name, (node, &edge.label));
    }
    let mut shown: Vec<&NodeKey> = Vec::new();
    let roots = nodes.iter().filter(|node| {
        node.key
            .as_ref()
            .is_some_and(|key| !has_later.contains(&key))
    });
    let mut branches: Vec<_> = roots
        .map(|node| grow(node, "", &sources, &mut shown))
        .collect();
    let is_code = |node: &Node| node.key.as_ref().is_some_and(|key| key.kind == "code");
    for branch in branches.iter_mut().filter(|branch| is_code(branch.node)) {
        branch.usage = usage(branch.node, runs, edges);
    }
    branches
}

/// How runs ran a state of code: the branch it was on, and the entry points.
fn usage(code: &Node, runs: &HashMap<&NodeKey, &Node>, edges: &[Edge]) -> String {
    let used = edges.iter().filter(|edge| edge.source == code.key);
    let ran = used.filter_map(|edge| runs.get(edge.target.as_ref()?));
    let mut branches = BTreeSet::new();
    let mut entry_points = BTreeSet::new();
    for run in ran {
        branches.extend(run.attributes.get("branch").filter(|name| !name.is_empty()));
        entry_points.extend(
            run.attributes
                .get("entry_point")
                .filter(|name| !name.is_empty()),
        );
    }
    let branches = branches
        .into_iter()
        .map(|branch| format!("  branch {branch}"));
    let entry_points = entry_points.into_iter().map(|entry| format!("  {entry}"));
    branches.chain(entry_points).collect()
}

/// The branch of a node; one that stands elsewhere already is not grown again.
fn grow<'a>(
    node: &'a Node,
    label: &'a str,
    sources: &HashMap<&NodeKey, BTreeMap<String, (&'a Node, &'a str)>>,
    shown: &mut Vec<&'a NodeKey>,
) -> Branch<'a> {
    let Some(key) = &node.key else {
        return Branch {
            node,
            usage: String::new(),
            label,
            before: Vec::new(),
        };
    };
    let again = shown.contains(&key);
    shown.push(key);
    let before = match sources.get(key) {
        Some(before) if !again => before
            .values()
            .map(|(node, label)| grow(node, label, sources, shown))
            .collect(),
        _ => Vec::new(),
    };
    Branch {
        node,
        usage: String::new(),
        label,
        before,
    }
}

fn draw_forest(branches: &[Branch<'_>], indent: &str, lines: &mut Vec<String>) {
    for (index, branch) in branches.iter().enumerate() {
        let last = index + 1 == branches.len();
        let (fork, bar) = if last {
            ("└─", "   ")
        } else {
            ("├─", "│  ")
        };
        let label = match branch.label {
            "" | "parent" | "based-on" | "uncommitted changes" => String::new(),
            label => format!("  ← {label}"),
        };
        let (node, usage) = (describe(branch.node), &branch.usage);
        lines.push(format!("{indent}{fork} {node}{usage}{label}"));
        draw_forest(&branch.before, &format!("{indent}{bar}"), lines);
    }
}

/// A state of code: the beginning of the commit, and what is known of changes to it.
pub(crate) fn commit(state: &str) -> String {
    let (commit, changes) = state.split_once('+').unwrap_or((state, ""));
    let commit: String = commit.chars().take(12).collect();
    match changes {
        "" => commit,
        "dirty" => format!("{commit} with uncommitted changes that are not known"),
        digest => format!("{commit} with uncommitted changes {}", short(digest)),
    }
}

/// A node in a line.
pub(crate) fn describe(node: &Node) -> String {
    let Some(key) = &node.key else {
        return String::new();
    };
    let fact = |name: &str| {
        node.attributes
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let parts: Vec<String> = match key.kind.as_str() {
        "dataset" => vec![
            key.name.clone(),
            short(&key.version),
            rows(fact("profile")),
            fact("step").to_owned(),
        ],
        "code" => vec![key.name.clone(), format!("commit {}", commit(&key.version))],
        "run" => vec![
            format!("run {}", fact("name")),
            key.name.clone(),
            fact("status").to_lowercase(),
            params(fact("params")),
        ],
        "model_version" => {
            vec![
                format!("{}/{}", key.name, key.version),
                fact("label").into(),
                fact("stage").into(),
            ]
        }
        "environment" => {
            let packages = fact("requirements").lines().count();
            vec![
                format!("Python {}", fact("python_version")),
                fact("platform").to_owned(),
                format!("{packages} packages"),
            ]
        }
        kind => vec![format!("{kind} {}", key.name), short(&key.version)],
    };
    let tags = node.tags.iter().map(|tag| format!("#{tag}"));
    let parts = parts
        .into_iter()
        .chain(tags)
        .filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("  ")
}

/// How many rows a data set has, if its profile says.
fn rows(profile: &str) -> String {
    let profile: serde_json::Value = serde_json::from_str(profile).unwrap_or_default();
    profile["rows"]
        .as_u64()
        .map_or_else(String::new, |rows| format!("{rows} rows"))
}

/// The params of a run, if they are few.
fn params(params: &str) -> String {
    /// More than that is another question.
    const SHOWN_CHARS: usize = 60;
    let params: BTreeMap<String, String> = serde_json::from_str(params).unwrap_or_default();
    let words: Vec<_> = params
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let line = words.join(" ");
    match line.chars().count() {
        0..=SHOWN_CHARS => line,
        _ => format!("{} params", params.len()),
    }
}

#[cfg(test)]
mod tests {
    use herdbook_proto::lineage::v1::EdgeType;

    use super::*;

    fn key(kind: &str, name: &str, version: &str) -> NodeKey {
        NodeKey {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    fn node(key: NodeKey, depth: u32, facts: &[(&str, &str)]) -> GraphNode {
        let attributes = facts
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        GraphNode {
            node: Some(Node {
                key: Some(key),
                attributes,
                ..Default::default()
            }),
            depth,
        }
    }

    fn edge(source: NodeKey, target: NodeKey, label: &str) -> Edge {
        Edge {
            source: Some(source),
            target: Some(target),
            r#type: EdgeType::DerivedFrom.into(),
            label: label.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_pedigree_is_told_by_kind_and_descent() {
        let (source, features) = (
            key("dataset", "source", ""),
            key("dataset", "dataset_v1", ""),
        );
        let committed = key("code", "repo", "abcdef0123456789");
        let changed = key("code", "repo", "abcdef0123456789+sha256:0011223344556677");
        let graph = Graph {
            nodes: vec![
                node(key("model_version", "fraud", "3"), 0, &[]),
                node(
                    key("run", "0198", ""),
                    1,
                    &[
                        ("name", "brisk-otter"),
                        ("status", "FINISHED"),
                        ("branch", "main"),
                        ("entry_point", "train.py"),
                        ("params", r#"{"lr":"0.1"}"#),
                    ],
                ),
                node(features.clone(), 2, &[]),
                node(source.clone(), 3, &[("profile", r#"{"rows":569}"#)]),
                node(changed.clone(), 2, &[]),
                node(committed.clone(), 3, &[]),
            ],
            edges: vec![
                edge(source, features, "clean"),
                edge(committed, changed.clone(), "uncommitted changes"),
                edge(
                    key("dataset", "dataset_v1", ""),
                    key("run", "0198", ""),
                    "training",
                ),
                edge(changed, key("run", "0198", ""), "train.py"),
            ],
            truncated: false,
        };
        let expected = "fraud/3
├─ Data
│  └─ dataset_v1
│     └─ source  569 rows  ← clean
├─ Code
│  └─ repo  commit abcdef012345 with uncommitted changes sha256:001122334455…  branch main  train.py
│     └─ repo  commit abcdef012345
└─ Experiment
   └─ run brisk-otter  0198  finished  lr=0.1";
        assert_eq!(draw("fraud/3", &graph), expected);
    }
}
