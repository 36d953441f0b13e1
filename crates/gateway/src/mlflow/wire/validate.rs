//! MLflow's limits of names and values, in its words.

use std::fmt::Display;

use crate::mlflow::error::{Answer, Error};

/// Characters in a key.
const KEY_CHARS: usize = 250;

/// Checks the name of a param, a metric or a tag, which is at `path` of the request.
pub(in crate::mlflow) fn name(path: impl Display, what: &str, name: &str) -> Answer<()> {
    let refused = |why: String| {
        let shown = serde_json::Value::from(name);
        Error::invalid(format!(
            "Invalid value {shown} for parameter '{path}' supplied: {why}"
        ))
    };
    let allowed = |c: char| c.is_alphanumeric() || "_-.: /".contains(c);
    if !name.chars().all(allowed) {
        return Err(refused(
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), \
             spaces ( ), colon(:) and slashes (/)."
                .to_owned(),
        ));
    }
    let as_path =
        !name.starts_with("..") && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !as_path {
        return Err(refused(format!(
            "Names may be treated as files in certain cases, and must not resolve to other names when treated \
             as such. This name would resolve to '{}'",
            resolved(name)
        )));
    }
    at_most(what, KEY_CHARS, name)
}

/// What a name would be as a path.
fn resolved(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    match (name.starts_with('/'), parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// Refuses a text of more than `limit` characters.
pub(in crate::mlflow) fn at_most(what: &str, limit: usize, text: &str) -> Answer<()> {
    // Bytes are no fewer than characters, and counted at once.
    if text.len() > limit && text.chars().count() > limit {
        return Err(Error::invalid(format!(
            "'{what}' exceeds the maximum length of {limit} characters"
        )));
    }
    Ok(())
}

/// The beginning of a value that is too long, as MLflow's server keeps it: at most `chars` characters, and no more
/// bytes than the services take.
pub(in crate::mlflow) fn cut(mut value: String, chars: usize, bytes: usize) -> String {
    if value.len() > chars {
        let end = value.char_indices().nth(chars).map(|(at, _)| at);
        let end = end.unwrap_or(value.len()).min(bytes);
        value.truncate(value.floor_char_boundary(end));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_that_stay_what_they_are() {
        for fine in ["a", "a/b.c", "val loss", "a:b-c_d", "é", "a..b"] {
            assert!(name("key", "Key", fine).is_ok(), "{fine}");
        }
        for (wrong, resolves) in [
            ("", "."),
            ("a//b", "a/b"),
            ("./a", "a"),
            ("a/../b", "b"),
            ("/a", "/a"),
            ("../a", "../a"),
        ] {
            let error = name("key", "Key", wrong).unwrap_err();
            let said = format!("{error:?}");
            assert!(said.contains(&format!("resolve to '{resolves}'")), "{said}");
        }
        assert!(name("key", "Key", "a\"b").is_err());
        assert!(name("key", "Key", &"a".repeat(251)).is_err());
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(cut("abc".to_owned(), 2, 9), "ab");
        assert_eq!(cut("éé".to_owned(), 2, 9), "éé");
        assert_eq!(cut("ééé".to_owned(), 3, 5), "éé");
    }
}
