//! What names, aliases, tags and numbers of versions may be, in MLflow's words.
//!
//! Source: mlflow/utils/validation.py.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::mlflow::{
    error::{Answer, Error},
    wire,
};

/// Marks a model that is a prompt.
pub(in crate::mlflow) const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
/// Holds the words of a version of a prompt.
const PROMPT_TEXT: &str = "mlflow.prompt.text";
/// Keeps the link to the run that a version was given, for which the registry has no field.
pub(in crate::mlflow) const RUN_LINK: &str = "mlflow.herdbook.runLink";
/// Keeps the run that a version came from where its id is none that a run of Herdbook can have.
pub(in crate::mlflow) const RUN_ID: &str = "mlflow.herdbook.runId";

/// Characters of the key of a tag, of its value, and of an alias.
const KEY_CHARS: usize = 250;
const VALUE_CHARS: usize = 100_000;
const ALIAS_CHARS: usize = 255;

/// A tag in a request.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::mlflow) struct Tag {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    value: Option<String>,
}

/// A name of a model.
pub(in crate::mlflow) fn model(field: &str, name: Option<String>) -> Answer<String> {
    let name = wire::required_text(field, name)?;
    if name.trim().is_empty() {
        return Err(Error::invalid(format!(
            "Missing value for required parameter '{field}'."
        )));
    }
    if name.contains(['/', ':', '@']) {
        return Err(Error::invalid(format!(
            "Invalid model name '{name}'. Names cannot contain '/', ':' or '@'."
        )));
    }
    Ok(name)
}

/// A number of a version.
pub(in crate::mlflow) fn version(version: Option<String>) -> Answer<i64> {
    let version = wire::required_text("version", version)?;
    version.trim().parse().map_err(|_| {
        Error::invalid(format!(
            "Parameter 'version' must be an integer, got '{version}'."
        ))
    })
}

/// An alias.
pub(in crate::mlflow) fn alias(alias: Option<String>) -> Answer<String> {
    let alias = wire::required_text("alias", alias)?;
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !alias.chars().all(fits) {
        return Err(Error::invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    if alias.chars().count() > ALIAS_CHARS {
        return Err(too_long("Registered model alias name", ALIAS_CHARS));
    }
    Ok(alias)
}

/// An alias that is to be set: not what means something else.
pub(in crate::mlflow) fn new_alias(name: Option<String>) -> Answer<String> {
    let name = alias(name)?;
    if name.eq_ignore_ascii_case("latest") {
        return Err(Error::invalid(
            "'latest' alias name (case insensitive) is reserved.",
        ));
    }
    let number = name.strip_prefix(['v', 'V']).unwrap_or_default();
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::invalid(format!(
            "Version alias name '{name}' is reserved."
        )));
    }
    Ok(name)
}

/// The key of a tag.
pub(in crate::mlflow) fn tag_key(key: Option<String>) -> Answer<String> {
    let key = wire::required_text("key", key)?;
    let fits = |c: char| c.is_alphanumeric() || "_/.- :".contains(c);
    if !key.chars().all(fits) {
        return Err(Error::invalid(format!(
            "Invalid value \"{key}\" for parameter 'key' supplied: Names may only contain alphanumerics, \
             underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
        )));
    }
    if key.chars().count() > KEY_CHARS {
        return Err(too_long("key", KEY_CHARS));
    }
    Ok(key)
}

/// The value of a tag.
pub(in crate::mlflow) fn tag_value(key: &str, value: Option<String>) -> Answer<String> {
    let value = value.unwrap_or_default();
    if value.chars().count() <= VALUE_CHARS {
        return Ok(value);
    }
    Err(match key {
        PROMPT_TEXT => Error::invalid(format!(
            "Prompt text exceeds max length of {VALUE_CHARS} characters."
        )),
        _ => too_long("value", VALUE_CHARS),
    })
}

/// Tags of something that is created; of several values of a key the last one counts.
pub(in crate::mlflow) fn tags(given: Vec<Tag>) -> Answer<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for Tag { key, value } in given {
        let key = tag_key(key)?;
        let value = tag_value(&key, value)?;
        tags.insert(key, value);
    }
    Ok(tags)
}

/// Whether tags make a prompt.
pub(in crate::mlflow) fn is_prompt(tags: &BTreeMap<String, String>) -> bool {
    let mark = tags.get(IS_PROMPT);
    mark.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn too_long(what: &str, most: usize) -> Error {
    Error::invalid(format!(
        "'{what}' exceeds the maximum length of {most} characters"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_that_mean_something_else_are_reserved() {
        let of = |name: &str| new_alias(Some(name.to_owned()));
        for good in ["champion", "v1a", "V", "1st", "a_b-c"] {
            assert!(of(good).is_ok(), "{good}");
        }
        for bad in ["latest", "Latest", "v1", "V12", "a b", "a.b", ""] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_have_no_parts() {
        for bad in ["", "  ", "a/b", "a:b", "a@b"] {
            assert!(model("name", Some(bad.to_owned())).is_err(), "{bad}");
        }
        assert!(model("name", Some("a b".to_owned())).is_ok());
        assert!(version(Some("1.5".to_owned())).is_err());
    }
}
