//! Pedigrees in the formats that others read.

mod cyclonedx;
mod dot;
#[cfg(test)]
mod hostile;
mod json_graph;
mod mermaid;
mod openlineage;
mod prov;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::{
    node::{Node, NodeKey, kind},
    pedigree::Pedigree,
};

/// A format to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    JsonGraph,
    Dot,
    Mermaid,
    ProvJson,
    CycloneDx,
    OpenLineage,
}

impl Format {
    /// The media type of what it writes.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::JsonGraph => "application/vnd.jgf+json",
            Self::Dot => "text/vnd.graphviz",
            Self::Mermaid => "text/vnd.mermaid",
            Self::ProvJson => "application/json",
            Self::CycloneDx => "application/vnd.cyclonedx+json; version=1.6",
            Self::OpenLineage => "application/x-ndjson",
        }
    }

    /// Whether it writes what is attached to the nodes too.
    pub(crate) fn has_attachments(self) -> bool {
        matches!(self, Self::OpenLineage)
    }

    /// Writes `pedigree`; the same text for the same pedigree.
    pub(crate) fn write(self, pedigree: &Pedigree) -> String {
        match self {
            Self::JsonGraph => format!("{:#}\n", json_graph::write(pedigree)),
            Self::Dot => dot::write(pedigree),
            Self::Mermaid => mermaid::write(pedigree),
            Self::ProvJson => format!("{:#}\n", prov::write(pedigree)),
            Self::CycloneDx => format!("{:#}\n", cyclonedx::write(pedigree)),
            Self::OpenLineage => openlineage::write(pedigree),
        }
    }
}

/// What a node is called in a picture: a line for the kind, one for the name, one for the state.
fn caption(node: &Node) -> Vec<String> {
    let NodeKey {
        kind,
        name,
        version,
    } = &node.key;
    let mut lines = vec![kind.replace('_', " ")];
    match kind.as_str() {
        kind::RUN => {
            lines.extend(node.attribute("name").map(str::to_owned));
            lines.push(short(name));
        }
        kind::MODEL_VERSION => {
            lines.push(format!("{name}/{version}"));
            let facts = [node.attribute("label"), node.attribute("stage")];
            lines.push(facts.into_iter().flatten().collect::<Vec<_>>().join(" "));
        }
        _ => lines.extend([name.clone(), short(version)]),
    }
    lines.retain(|line| !line.is_empty());
    lines.iter().map(|line| legible(line)).collect()
}

/// The text as one line of a picture: without what ends a line, commands a terminal, or turns the
/// text behind it round (embeddings, overrides and isolates of Unicode's UAX #9).
fn legible(text: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars()
        .filter(|c| !turns(c))
        .map(|c| if breaks(c) { ' ' } else { c })
        .collect()
}

/// A text that names a node within a document: its reference, and unlike that never the one of
/// another, for `@` inside name and version is escaped.
fn identifier(key: &NodeKey) -> String {
    let escaped = |part: &str| part.replace('%', "%25").replace('@', "%40");
    let key = NodeKey {
        kind: key.kind.clone(),
        name: escaped(&key.name),
        version: escaped(&key.version),
    };
    key.to_string()
}

/// The edges by the places of their ends among the nodes, with what is written on them.
fn arrows(pedigree: &Pedigree) -> impl Iterator<Item = (usize, usize, String)> {
    let places: BTreeMap<&NodeKey, usize> = pedigree.nodes.keys().zip(0..).collect();
    pedigree.edges.iter().filter_map(move |edge| {
        let label = match edge.label.as_str() {
            "" => edge.edge_type.words(),
            label => label,
        };
        Some((
            *places.get(&edge.source)?,
            *places.get(&edge.target)?,
            legible(label),
        ))
    })
}

/// A digest or an id, cut to what one reads.
fn short(text: &str) -> String {
    const DIGEST: &str = "sha256:";
    const SHOWN: usize = 12;
    let (prefix, digits) = match text.strip_prefix(DIGEST) {
        Some(digits) => (DIGEST, digits),
        None => ("", text),
    };
    let hexadecimal = digits.len() > SHOWN && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match digits.get(..SHOWN) {
        Some(start) if hexadecimal => format!("{prefix}{start}…"),
        _ => text.to_owned(),
    }
}
