//! Tags in which MLflow's clients say what runs have fields for: the field is set from the tag, and the tag is kept
//! as it was written. If the field changed since by another way, the tag is shown as the field is now.

use std::collections::BTreeMap;

use herdbook_core::{check_name, check_text};
use herdbook_proto::tracking::v1::Run;

pub(in crate::mlflow) const NAME: &str = "mlflow.runName";
const NOTE: &str = "mlflow.note.content";

/// Adds to the tags of a run what its fields say.
pub(super) fn complete(run: &mut Run) {
    let written = run.tags.get(NAME).and_then(|written| as_name(written));
    if written.as_deref() != Some(run.name.as_str()) && !run.name.is_empty() {
        run.tags.insert(NAME.to_owned(), run.name.clone());
    }
    let unlike = run.tags.get(NOTE) != Some(&run.description);
    if unlike && !run.description.is_empty() {
        run.tags.insert(NOTE.to_owned(), run.description.clone());
    }
}

/// The fields that tags set: the name and the description of a run.
#[derive(Debug, Default, PartialEq)]
pub(in crate::mlflow) struct Fields {
    pub(in crate::mlflow) name: Option<String>,
    pub(in crate::mlflow) description: Option<String>,
}

impl Fields {
    pub(in crate::mlflow) fn of(tags: &BTreeMap<String, String>) -> Self {
        Self {
            name: tags.get(NAME).and_then(|written| as_name(written)),
            description: tags
                .get(NOTE)
                .filter(|note| check_text(note).is_ok())
                .cloned(),
        }
    }

    /// The field that goes with a tag goes empty.
    pub(in crate::mlflow) fn without(key: &str) -> Self {
        Self {
            name: None,
            description: (key == NOTE).then(String::new),
        }
    }
}

/// A text as the name of a run: on one line, trimmed, of at most 255 characters; `None` if nothing is left.
pub(in crate::mlflow) fn as_name(text: &str) -> Option<String> {
    if check_name(text).is_ok() {
        return Some(text.to_owned());
    }
    let line = text.replace(char::is_control, " ");
    let cut: String = line.trim().chars().take(255).collect();
    let name = cut.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, description: &str, tags: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let mut run = Run {
            name: name.to_owned(),
            description: description.to_owned(),
            tags: tags.iter().map(owned).collect(),
            ..Default::default()
        };
        complete(&mut run);
        run.tags
    }

    #[test]
    fn tags_read_back_as_they_were_written_until_the_field_changes() {
        let tags = run("a", "", &[(NAME, " a\n")]);
        assert_eq!(tags[NAME], " a\n");
        let tags = run("b", "new", &[(NAME, "a"), (NOTE, "old")]);
        assert_eq!((tags[NAME].as_str(), tags[NOTE].as_str()), ("b", "new"));
        let tags = run("made-up", "", &[]);
        assert_eq!(tags[NAME], "made-up");
        assert!(!tags.contains_key(NOTE));
        assert_eq!(run("a", "", &[(NOTE, "")])[NOTE], "");
    }

    #[test]
    fn any_text_becomes_a_name_if_there_is_one_in_it() {
        assert_eq!(as_name(" a\tb "), Some("a b".to_owned()));
        assert_eq!(as_name(" \n"), None);
        assert_eq!(as_name(&"x".repeat(300)).unwrap().len(), 255);
    }
}
