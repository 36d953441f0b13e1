//! Graphviz DOT (<https://graphviz.org/doc/info/lang.html>).

use std::fmt::Write as _;

use super::{arrows, caption, legible};
use crate::{node::kind, pedigree::Pedigree};

pub(super) fn write(pedigree: &Pedigree) -> String {
    let mut text = String::from(
        "digraph pedigree {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n  \
         edge [fontname=\"sans-serif\", fontsize=9];\n",
    );
    for (place, (key, node)) in pedigree.nodes.iter().enumerate() {
        let label = escape(&caption(node).join("\n"));
        let emphasis = if pedigree.subjects.contains(key) {
            ", penwidth=2"
        } else {
            ""
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  n{place} [label=\"{label}\", tooltip=\"{}\", shape={}{emphasis}];",
            escape(&legible(&key.to_string())),
            shape(&key.kind),
        );
    }
    for (source, target, label) in arrows(pedigree) {
        let label = escape(&label);
        let _ = writeln!(text, "  n{source} -> n{target} [label=\"{label}\"];");
    }
    text.push_str("}\n");
    text
}

/// One shape a kind.
fn shape(kind: &str) -> &'static str {
    match kind {
        kind::DATASET | kind::FEATURE_SET => "cylinder",
        kind::CODE => "note",
        kind::ENVIRONMENT => "component",
        kind::MODEL_VERSION => "hexagon",
        kind::DEPLOYMENT => "oval",
        kind::ARTIFACT => "folder",
        _ => "box",
    }
}

/// Inside quotes a backslash would start an escape of Graphviz's own, such as `\N`.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
