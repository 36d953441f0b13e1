//! What the path of an artifact may look like: it must never lead out of its run.

use herdbook_core::limits::ARTIFACT_PATH_CHARS;

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPath {
    #[error("must not be empty")]
    Empty,
    #[error("has {0} characters; at most {ARTIFACT_PATH_CHARS} are allowed")]
    TooLong(usize),
    #[error("must be relative; remove the leading `/`")]
    Absolute,
    #[error(
        "must not have the part {0:?}, which would lead elsewhere; name the file by its plain path"
    )]
    Traversal(String),
    #[error("must not have an empty part; remove the doubled or trailing `/`")]
    EmptyPart,
    #[error("must be separated by `/`, not by a backslash")]
    Backslash,
    #[error("must not have control characters")]
    ControlCharacter,
}

/// Checks the path of an artifact.
pub(crate) fn check(path: &str) -> Result<(), InvalidPath> {
    let chars = path.chars().count();
    if path.is_empty() {
        return Err(InvalidPath::Empty);
    }
    if chars > ARTIFACT_PATH_CHARS {
        return Err(InvalidPath::TooLong(chars));
    }
    if path.chars().any(char::is_control) {
        return Err(InvalidPath::ControlCharacter);
    }
    if path.contains('\\') {
        return Err(InvalidPath::Backslash);
    }
    if path.starts_with('/') {
        return Err(InvalidPath::Absolute);
    }
    for part in path.split('/') {
        match part {
            "" => return Err(InvalidPath::EmptyPart),
            "." | ".." => return Err(InvalidPath::Traversal(part.to_owned())),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_pass() {
        for path in [
            "model.pkl",
            "model/weights.bin",
            "a/b/c d/é.txt",
            "..hidden",
            "a/..b",
            "...",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        assert_eq!(check("../x"), Err(InvalidPath::Traversal("..".to_owned())));
        assert_eq!(check("a/./b"), Err(InvalidPath::Traversal(".".to_owned())));
        assert_eq!(check("/etc/passwd"), Err(InvalidPath::Absolute));
        assert_eq!(check("a//b"), Err(InvalidPath::EmptyPart));
        assert_eq!(check("a/"), Err(InvalidPath::EmptyPart));
        assert_eq!(check("a\\..\\b"), Err(InvalidPath::Backslash));
        assert_eq!(check("a\0b"), Err(InvalidPath::ControlCharacter));
        assert_eq!(check(""), Err(InvalidPath::Empty));
        assert_eq!(check(&"x".repeat(1025)), Err(InvalidPath::TooLong(1025)));
    }
}
