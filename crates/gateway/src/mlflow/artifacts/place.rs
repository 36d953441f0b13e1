//! What the address of a file means.

use percent_encoding::percent_decode_str;

use crate::mlflow::error::{Answer, Error};

/// How often an address is decoded: as often as MLflow's server does.
const DECODED: usize = 10;

/// What has files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mlflow) enum Holder {
    /// A run, by its id.
    Run(String),
    /// A logged model, by its id.
    Model(String),
}

impl Holder {
    /// What the services' requests have: the id of a run, or that of a logged model.
    pub(super) fn ids(&self) -> (String, String) {
        match self {
            Self::Run(id) => (id.clone(), String::new()),
            Self::Model(id) => (String::new(), id.clone()),
        }
    }
}

/// A file or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) holder: Holder,
    /// Below the root of what it belongs to; empty for that root.
    pub(super) path: String,
}

impl Place {
    /// The place at an address of the proxy: `<experiment>/<run>/artifacts/…` or
    /// `<experiment>/models/<model>/artifacts/…`. `None` for all others, where nothing is kept.
    pub(super) fn at(address: &str) -> Answer<Option<Self>> {
        let address = checked(address)?;
        let parts: Vec<&str> = address.split('/').collect();
        let (holder, path) = match parts.as_slice() {
            [experiment, "models", model, "artifacts", path @ ..]
                if is_number(experiment) && model.starts_with("m-") =>
            {
                (Holder::Model((*model).to_owned()), path)
            }
            [experiment, run, "artifacts", path @ ..] if is_number(experiment) && is_run(run) => {
                (Holder::Run((*run).to_owned()), path)
            }
            _ => return Ok(None),
        };
        let path = path.join("/");
        Ok(Some(Self { holder, path }))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_run(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The path that a client means, refused if it may lead elsewhere: decoded until that changes nothing, and
/// without the empty parts and dots that say nothing.
pub(in crate::mlflow) fn checked(path: &str) -> Answer<String> {
    let invalid = || Error::invalid("Invalid path");
    let mut plain = path.to_owned();
    for _ in 0..DECODED {
        let decoded = percent_decode_str(&plain).decode_utf8();
        let decoded = decoded.map_err(|_| invalid())?.into_owned();
        if decoded == plain {
            break;
        }
        plain = decoded;
    }
    let plain = escaped(&plain);
    let is_drive = matches!(plain.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let hostile = plain.starts_with('/')
        || is_drive
        || plain.starts_with("file:")
        || plain.contains(['\\', '#'])
        || plain.chars().any(char::is_control)
        || plain.split('/').any(|part| part == "..");
    if hostile {
        return Err(invalid());
    }
    let parts = plain.split('/').filter(|part| !matches!(*part, "" | "."));
    Ok(parts.collect::<Vec<_>>().join("/"))
}

/// A path with its control characters as `%17`: pictures of MLflow 2 are named `…%timestamp%1795732040044%…`, where that
/// is no escape.
fn escaped(text: &str) -> String {
    let shown = |c: char| match c {
        _ if c.is_ascii_control() => format!("%{:02x}", u32::from(c)),
        _ => c.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "0123456789abcdef0123456789abcdef";

    fn at(address: &str) -> Option<(Holder, String)> {
        let place = Place::at(address).ok()??;
        Some((place.holder, place.path))
    }

    #[test]
    fn an_address_says_what_a_file_belongs_to() {
        let run = Holder::Run(RUN.to_owned());
        let model = Holder::Model(format!("m-{RUN}"));
        assert_eq!(
            at(&format!("1/{RUN}/artifacts/a/b%20c.txt")),
            Some((run.clone(), "a/b c.txt".to_owned()))
        );
        assert_eq!(
            at(&format!("1/{RUN}/artifacts/")),
            Some((run, String::new()))
        );
        assert_eq!(
            at(&format!("0/models/m-{RUN}/artifacts//./x")),
            Some((model, "x".to_owned()))
        );
        for elsewhere in [
            "",
            "1",
            &format!("1/{RUN}"),
            &format!("1/traces/tr-{RUN}/artifacts/traces.json"),
            &format!("x/{RUN}/artifacts/a"),
            "1/evaluation/a",
        ] {
            assert_eq!(Place::at(elsewhere).ok(), Some(None), "{elsewhere}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused_however_they_are_written() {
        for path in [
            "..",
            "a/../../b",
            "/etc/passwd",
            "%2e%2e/x",
            "%252e%252e%252fx",
            "%2fetc",
            "a\\b",
            "a%5c..%5cb",
            "C:/x",
            "c:x",
            "file:///etc/passwd",
            "a#b",
            "%ff",
        ] {
            assert!(checked(path).is_err(), "{path}");
        }
        for (path, plain) in [
            ("a/..b/c..", "a/..b/c.."),
            ("ü/%C3%BC", "ü/ü"),
            ("ab:c", "ab:c"),
            ("a%0Ab", "a%0ab"),
            (
                "seen%25step%250%25timestamp%251795%25j3.png",
                "seen%step%0%timestamp%1795%j3.png",
            ),
        ] {
            assert_eq!(checked(path).ok().as_deref(), Some(plain));
        }
    }
}
