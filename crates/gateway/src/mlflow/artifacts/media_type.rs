//! What kind of file it is, by its name, as MLflow's clients expect it.

use std::fmt::Write as _;

/// Extensions, and whole names, of what MLflow shows as text, whatever else it is.
const TEXT: [&str; 26] = [
    "txt",
    "log",
    "err",
    "cfg",
    "conf",
    "cnf",
    "cf",
    "ini",
    "properties",
    "prop",
    "hocon",
    "toml",
    "yaml",
    "yml",
    "xml",
    "json",
    "js",
    "py",
    "py3",
    "csv",
    "tsv",
    "md",
    "rst",
    "ipynb",
    "MLmodel",
    "MLproject",
];

/// The media type of a file of this name.
pub(super) fn of(name: &str) -> String {
    let dot = name.rfind('.').filter(|dot| *dot > 0);
    let extension = dot.map_or(name, |dot| &name[dot + 1..]);
    if TEXT.contains(&extension) {
        return "text/plain".to_owned();
    }
    mime_guess::from_path(name)
        .first_or_octet_stream()
        .essence_str()
        .to_owned()
}

/// The header by which a file is saved under its name (RFC 6266), whatever characters it has.
pub(in crate::mlflow) fn attachment(name: &str) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !name.is_empty() && name.chars().all(is_token) {
        return format!("attachment; filename={name}");
    }
    let mut plain = String::new();
    for c in name.chars().filter(|c| c.is_ascii() && !c.is_control()) {
        if matches!(c, '"' | '\\') {
            plain.push('\\');
        }
        plain.push(c);
    }
    if name.is_ascii() {
        return format!("attachment; filename=\"{plain}\"");
    }
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            true => encoded.push(char::from(byte)),
            // Writing to a text does not fail.
            false => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    let plain = if plain.is_empty() { "download" } else { &plain };
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_type() {
        for (name, expected) in [
            ("a.txt", "text/plain"),
            ("MLmodel", "text/plain"),
            ("x.json", "text/plain"),
            ("x.html", "text/html"),
            ("x.png", "image/png"),
            ("model.skops", "application/octet-stream"),
            ("weights", "application/octet-stream"),
            (".json", "application/octet-stream"),
            ("json", "text/plain"),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    #[test]
    fn any_name_can_be_saved_under() {
        assert_eq!(attachment("a.txt"), "attachment; filename=a.txt");
        assert_eq!(
            attachment("a \"b\".txt"),
            "attachment; filename=\"a \\\"b\\\".txt\""
        );
        assert_eq!(
            attachment("zü.txt"),
            "attachment; filename=\"z.txt\"; filename*=UTF-8''z%C3%BC.txt"
        );
        assert_eq!(
            attachment("日本"),
            "attachment; filename=\"download\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"
        );
    }
}
