//! The packages of an environment, read from its locked requirements.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::node::{Node, kind};

/// All but what a package URL leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A package of PyPI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// Normalised name.
    name: String,
    /// The version it is pinned to; empty if it is not.
    version: String,
}

/// The packages that an environment requires, one a line of its `requirements`.
pub(super) fn of(node: &Node) -> impl Iterator<Item = Package> + '_ {
    let lines = match node.key.kind.as_str() {
        kind::ENVIRONMENT => node.attribute("requirements").unwrap_or_default(),
        _ => "",
    };
    lines.lines().filter_map(Package::parse)
}

impl Package {
    /// Reads a requirement as pip writes and takes it (PEP 508), as far as name and exact version go.
    /// Options, addresses and comments are no packages of PyPI.
    fn parse(line: &str) -> Option<Self> {
        let line = line.split(['#', ';']).next().unwrap_or_default().trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let end = line.find(|c| !is_name(c)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(extras) => extras.split_once(']')?.1.trim_start(),
            None => rest,
        };
        let is_requirement = rest.is_empty() || rest.starts_with(['=', '<', '>', '!', '~', '(']);
        let version = rest
            .strip_prefix("==")
            .map(|version| version.trim_start_matches('='))
            .and_then(|version| version.split_whitespace().next())
            .filter(|version| !version.contains(['*', ',']));
        is_requirement.then(|| Self {
            name: normalised(name),
            version: version.unwrap_or_default().to_owned(),
        })
    }

    /// What the document calls it, unlike any node: kinds have no `/`.
    pub(super) fn reference(&self) -> String {
        let mut reference = format!("pypi/{}", self.name);
        if !self.version.is_empty() {
            reference.push('@');
            reference.extend(utf8_percent_encode(&self.version, RESERVED));
        }
        reference
    }

    /// The package URL (<https://github.com/package-url/purl-spec>).
    fn url(&self) -> String {
        format!("pkg:{}", self.reference())
    }

    pub(super) fn component(&self) -> Value {
        let mut component = json!({
            "type": "library",
            "name": self.name,
            "bom-ref": self.reference(),
            "purl": self.url(),
        });
        if !self.version.is_empty() {
            component["version"] = self.version.as_str().into();
        }
        component
    }
}

/// The name as PEP 503 compares it.
fn normalised(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_become_package_urls() {
        let url = |line: &str| Package::parse(line).map(|package| package.url());
        for (line, expected) in [
            ("numpy==2.4.6", "pkg:pypi/numpy@2.4.6"),
            (
                "Typing_Extensions==4.16.0  # needed by all",
                "pkg:pypi/typing-extensions@4.16.0",
            ),
            (
                "uvicorn[standard] == 0.30 ; python_version > '3.8'",
                "pkg:pypi/uvicorn@0.30",
            ),
            (
                "torch==2.9.0+cu128 --hash=sha256:00",
                "pkg:pypi/torch@2.9.0%2Bcu128",
            ),
            ("requests>=2,<3", "pkg:pypi/requests"),
            ("scipy==1.*", "pkg:pypi/scipy"),
            ("joblib", "pkg:pypi/joblib"),
        ] {
            assert_eq!(url(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_package_of_pypi_is_left_out() {
        for line in [
            "",
            "# pinned",
            "-r other.txt",
            "--index-url https://x",
            "-e git+https://github.com/org/repo#egg=x",
            "own @ file:///tmp/own.whl",
            "https://example.org/x.whl",
            "x[unclosed==1",
        ] {
            assert_eq!(Package::parse(line), None, "{line}");
        }
    }
}
