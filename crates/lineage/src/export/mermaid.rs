//! A flowchart of Mermaid (<https://mermaid.js.org/syntax/flowchart.html>).

use std::fmt::Write as _;

use super::{arrows, caption};
use crate::{node::kind, pedigree::Pedigree};

pub(super) fn write(pedigree: &Pedigree) -> String {
    let mut text = String::from("flowchart LR\n");
    for (place, (key, node)) in pedigree.nodes.iter().enumerate() {
        let (open, close) = shape(&key.kind);
        let label: Vec<_> = caption(node).iter().map(|line| escape(line)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  n{place}{open}\"{}\"{close}", label.join("<br>"));
        if pedigree.subjects.contains(key) {
            let _ = writeln!(text, "  style n{place} stroke-width:3px");
        }
    }
    for (source, target, label) in arrows(pedigree) {
        let _ = writeln!(text, "  n{source} -->|\"{}\"| n{target}", escape(&label));
    }
    text
}

/// The brackets that draw a kind.
fn shape(kind: &str) -> (&'static str, &'static str) {
    match kind {
        kind::DATASET | kind::FEATURE_SET => ("[(", ")]"),
        kind::CODE => (">", "]"),
        kind::MODEL_VERSION => ("{{", "}}"),
        kind::DEPLOYMENT => ("([", "])"),
        _ => ("[", "]"),
    }
}

/// All that could end the quotes, start an entity, a directive or a formula, or be taken for HTML or
/// Markdown. A line of Markdown is a list or a heading by how it begins.
fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut begins = true;
    for character in line.chars() {
        let harmless = matches!(
            character,
            ' ' | ',' | '/' | ':' | '@' | '=' | '\'' | '-' | '.' | '+' | '(' | ')'
        );
        if character.is_ascii_punctuation() && (begins || !harmless) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "#{};", u32::from(character));
        } else {
            escaped.push(character);
        }
        // `1.` begins a list as `-` does.
        begins &= character.is_ascii_digit() || character.is_whitespace();
    }
    escaped
}
