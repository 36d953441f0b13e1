//! References to versions: `name/3`, `name@Production`, `name@champion`, `name@v1.2.0`, `name@3`,
//! `name@latest`, each with or without `model://` before it, and after that, if they do, with or without
//! a workspace, as in `model://risk/name@Production`.

use std::fmt;

/// A reference, read but not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The workspace, if it is named.
    pub(crate) workspace: Option<String>,
    pub(crate) model: String,
    pub(crate) version: Pointer,
}

/// Which version of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Pointer {
    Number(i64),
    Latest,
    /// A stage or an alias that is written exactly so, a stage in any case, a label or a number, in this order.
    Named(String),
}

/// A text that is no reference.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a reference to a version; write name/3, name@Production, name@an-alias, name@v1.2.0 or \
     name@latest"
)]
pub(crate) struct InvalidReference(String);

impl Reference {
    /// Reads `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidReference> {
        let invalid = || InvalidReference(text.chars().take(200).collect());
        let (workspace, rest) = match text.strip_prefix("model://") {
            Some(rest) => split_workspace(rest),
            None => (None, text),
        };
        let (model, version) = match rest.rsplit_once('@') {
            Some((_, "")) => return Err(invalid()),
            Some((model, "latest")) => (model, Pointer::Latest),
            Some((model, name)) => (model, Pointer::Named(name.to_owned())),
            None => {
                let (model, number) = rest.rsplit_once('/').ok_or_else(invalid)?;
                let number = number.parse().ok().filter(|number| *number > 0);
                (model, Pointer::Number(number.ok_or_else(invalid)?))
            }
        };
        if !check_model(model) || workspace == Some("") {
            return Err(invalid());
        }
        Ok(Self {
            workspace: workspace.map(str::to_owned),
            model: model.to_owned(),
            version,
        })
    }
}

/// The workspace that a reference names, to which a call with it must go.
#[must_use]
pub fn workspace_of(reference: &str) -> Option<String> {
    Reference::parse(reference).ok()?.workspace
}

impl fmt::Display for Reference {
    /// As errors name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Pointer::Number(number) => write!(f, "{}/{number}", self.model),
            Pointer::Latest => write!(f, "{}@latest", self.model),
            Pointer::Named(name) => write!(f, "{}@{name}", self.model),
        }
    }
}

/// The workspace, if what follows on it is a reference by itself.
fn split_workspace(rest: &str) -> (Option<&str>, &str) {
    match rest.split_once('/') {
        Some((workspace, rest)) if !workspace.contains('@') && rest.contains(['/', '@']) => {
            (Some(workspace), rest)
        }
        _ => (None, rest),
    }
}

fn check_model(name: &str) -> bool {
    !name.is_empty() && !name.contains(RESERVED)
}

/// Characters that separate the parts of references, and that names therefore lack.
pub(crate) const RESERVED: [char; 3] = ['/', '@', ':'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let read = |text: &str| Reference::parse(text).unwrap();
        let of = |version| Reference {
            workspace: None,
            model: "fraud-detector".to_owned(),
            version,
        };
        assert_eq!(read("fraud-detector/3"), of(Pointer::Number(3)));
        assert_eq!(read("model://fraud-detector/3"), of(Pointer::Number(3)));
        assert_eq!(read("fraud-detector@latest"), of(Pointer::Latest));
        assert_eq!(
            read("fraud-detector@Production"),
            of(Pointer::Named("Production".to_owned()))
        );
        assert_eq!(
            read("fraud-detector@v1.2.0"),
            of(Pointer::Named("v1.2.0".to_owned()))
        );
    }

    #[test]
    fn a_workspace_may_stand_before_the_model() {
        for (text, pointer) in [
            ("model://risk/fraud-detector@3", Pointer::Named("3".into())),
            ("model://risk/fraud-detector/3", Pointer::Number(3)),
            ("model://risk/fraud-detector@latest", Pointer::Latest),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.workspace.as_deref(), Some("risk"), "{text}");
            assert_eq!(reference.model, "fraud-detector", "{text}");
            assert_eq!(reference.version, pointer, "{text}");
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "fraud-detector",
            "a/0",
            "a/-1",
            "a/x",
            "@x",
            "a@",
            "/3",
            "a/b@c",
            "a:b/1",
            "risk/a/1",
            "model:///a@b",
            "model://x/y/a@b",
            "model://x/y/a/1",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
