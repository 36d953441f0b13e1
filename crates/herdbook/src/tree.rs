//! A version's pedigree as a person would write it down.

use std::collections::{BTreeMap, HashMap};

use herdbook_proto::lineage::v1::{Edge, Graph, GraphNode, Node, NodeKey};

use crate::output::short;

/// Kinds under the headings they stand under, in this order.
const SECTIONS: [(&str, &[&str]); 5] = [
    ("Data", &["dataset", "feature_set"]),
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

    let mut lines = vec![title.to_owned()];
    let last_section = sections.len().saturating_sub(1);
    for (index, (heading, nodes)) in sections.iter().enumerate() {
        let (branch, bar) = if index == last_section {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        lines.push(format!("{branch} {heading}"));
        let roots = forest(nodes, &graph.edges);
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
    /// How the node below came from this one.
    label: &'a str,
    before: Vec<Branch<'a>>,
}

/// The nodes of a section by descent: those nothing else in it came from at the top.
fn forest<'a>(nodes: &[&'a Node], edges: &'a [Edge]) -> Vec<Branch<'a>> {
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
    roots
        .map(|node| grow(node, "", &sources, &mut shown))
        .collect()
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
            "" | "parent" | "based-on" => String::new(),
            label => format!("  ← {label}"),
        };
        lines.push(format!("{indent}{fork} {}{label}", describe(branch.node)));
        draw_forest(&branch.before, &format!("{indent}{bar}"), lines);
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
            fact("step").to_owned(),
        ],
        "code" => vec![
            key.name.clone(),
            format!(
                "commit {}",
                key.version.chars().take(12).collect::<String>()
            ),
            match fact("branch") {
                "" => String::new(),
                branch => format!("branch {branch}"),
            },
            fact("entry_point").to_owned(),
            match fact("dirty") {
                "true" => "with uncommitted changes".to_owned(),
                _ => String::new(),
            },
        ],
        "run" => vec![
            format!("run {}", fact("name")),
            key.name.clone(),
            fact("status").to_lowercase(),
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
        let graph = Graph {
            nodes: vec![
                node(key("model_version", "fraud", "3"), 0, &[]),
                node(
                    key("run", "0198", ""),
                    1,
                    &[("name", "brisk-otter"), ("status", "FINISHED")],
                ),
                node(features.clone(), 2, &[]),
                node(source.clone(), 3, &[]),
                node(
                    key("code", "repo", "abcdef0123456789"),
                    2,
                    &[("branch", "main")],
                ),
            ],
            edges: vec![edge(source, features, "clean")],
            truncated: false,
        };
        let expected = "fraud/3
├─ Data
│  └─ dataset_v1
│     └─ source  ← clean
├─ Code
│  └─ repo  commit abcdef012345  branch main
└─ Experiment
   └─ run brisk-otter  0198  finished";
        assert_eq!(draw("fraud/3", &graph), expected);
    }
}
