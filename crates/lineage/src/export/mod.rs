//! Pedigrees in the formats that others read.

mod cyclonedx;
mod dot;
mod graph;
mod mermaid;
mod openlineage;
mod prov;

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

    /// Writes `pedigree`; the same text for the same pedigree.
    pub(crate) fn write(self, pedigree: &Pedigree) -> String {
        match self {
            Self::JsonGraph => lines([graph::write(pedigree)]),
            Self::Dot => dot::write(pedigree),
            Self::Mermaid => mermaid::write(pedigree),
            Self::ProvJson => lines([prov::write(pedigree)]),
            Self::CycloneDx => lines([cyclonedx::write(pedigree)]),
            Self::OpenLineage => lines(openlineage::events(pedigree)),
        }
    }
}

/// A document a line.
fn lines(documents: impl IntoIterator<Item = serde_json::Value>) -> String {
    documents
        .into_iter()
        .map(|document| format!("{document}\n"))
        .collect()
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
        kind::RUN => lines.extend(node.attribute("name").map(str::to_owned)),
        kind::MODEL_VERSION => {
            lines.push(format!("{name}/{version}"));
            let facts = [node.attribute("label"), node.attribute("stage")];
            let facts: Vec<_> = facts.into_iter().flatten().collect();
            lines.push(facts.join(" "));
            lines.retain(|line| !line.is_empty());
            return lines;
        }
        _ => lines.push(name.clone()),
    }
    lines.push(short(if version.is_empty() { name } else { version }));
    lines.dedup();
    lines
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

#[cfg(test)]
mod tests;
