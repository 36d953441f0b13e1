//! The script that makes it again. Everything that others wrote stands in it quoted, and only as a word.

use herdbook_core::Digest;
use herdbook_proto::lineage::v1::{Reproduction, ReproductionData};

/// What every script begins with.
const HEAD: &str = include_str!("head.sh");

/// Writes reproduce.sh.
pub(super) fn write(found: &Reproduction) -> String {
    let places: Vec<Place<'_>> = found.data.iter().enumerate().map(Place::of).collect();
    let mut parts = vec![HEAD.to_owned(), code(found)];
    let words = words(found);
    parts.push(environment(found, &words));
    parts.extend(places.iter().map(Place::fetch));
    parts.push(command(&words, &places));
    parts.push(outputs(found));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// Data, and the file that it is fetched to.
struct Place<'a> {
    data: &'a ReproductionData,
    /// Of letters, digits, `.`, `_` and `-`.
    file: String,
}

impl<'a> Place<'a> {
    fn of((index, data): (usize, &'a ReproductionData)) -> Self {
        let path = data.uri.split(['?', '#']).next().unwrap_or_default();
        let last = path.rsplit('/').find(|part| !part.is_empty());
        let name = last.unwrap_or(&data.name).chars().map(|c| match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => c,
            _ => '_',
        });
        let name: String = name.take(100).collect();
        Self {
            data,
            file: format!("{}-{name}", index + 1),
        }
    }

    fn fetch(&self) -> String {
        let ReproductionData {
            name, digest, uri, ..
        } = self.data;
        let checked = digest
            .starts_with("sha256:")
            .then(|| digest.parse::<Digest>());
        let digest = match checked {
            Some(Ok(digest)) => digest.to_hex(),
            _ => String::new(),
        };
        format!(
            "data {} {} {} {}",
            quote(name),
            quote(&digest),
            quote(uri),
            quote(&self.file)
        )
    }

    /// The word with this data's place in it instead of where it lay, if it names that.
    fn put_into(&self, word: &str) -> Option<String> {
        let uri = self.data.uri.as_str();
        let path = uri.strip_prefix("file://").unwrap_or(uri);
        let named = [uri, path].into_iter().filter(|place| !place.is_empty());
        let mut option = named.filter_map(|place| match word.strip_suffix(place)? {
            "" => Some(""),
            option => option.ends_with('=').then_some(option),
        });
        let option = option.next()?;
        Some(format!(
            "{}\"$work/data/{}\"",
            quote_some(option),
            self.file
        ))
    }
}

fn code(found: &Reproduction) -> String {
    let code = found.code.clone().unwrap_or_default();
    // What git would take for an option is no commit.
    let commit = code.commit.trim_start_matches('-');
    let diff = match code.diff_digest.is_empty() {
        true => "",
        false => "$here/source.diff",
    };
    format!(
        "code {} {} \"{diff}\"",
        quote(&code.repository),
        quote(commit)
    )
}

/// The environment, if one is known or the command needs a Python.
fn environment(found: &Reproduction, words: &[String]) -> String {
    let version = found.environment.iter().map(|e| e.python_version.as_str());
    let mut parts = version.flat_map(|version| version.splitn(3, '.'));
    let number = |part: Option<&str>| part?.parse::<u32>().ok();
    let runs_python = words.first().is_some_and(|first| first == "python");
    match (number(parts.next()), number(parts.next())) {
        (Some(major), Some(minor)) => format!("environment {major}.{minor}"),
        _ if found.environment.is_some() || runs_python => "environment ''".to_owned(),
        _ => String::new(),
    }
}

/// The command line, with whichever Python runs it; the entry point if that is all that is known.
fn words(found: &Reproduction) -> Vec<String> {
    let mut words = found.command.clone();
    if words.is_empty() {
        let entry_point = found.code.iter().map(|code| code.entry_point.clone());
        words.extend(entry_point.filter(|entry_point| !entry_point.is_empty()));
    }
    let Some(first) = words.first_mut() else {
        return words;
    };
    let program = first.rsplit('/').next().unwrap_or_default();
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let version = program.strip_prefix("python");
    if version.is_some_and(|version| version.chars().all(is_digit)) {
        "python".clone_into(first);
    } else if program.ends_with(".py") {
        words.insert(0, "python".to_owned());
    }
    words
}

fn command(words: &[String], places: &[Place<'_>]) -> String {
    if words.is_empty() {
        return "fail 'the command is not known'".to_owned();
    }
    let word = |word: &String| {
        let put = places.iter().find_map(|place| place.put_into(word));
        put.unwrap_or_else(|| quote(word))
    };
    let words: Vec<_> = words.iter().map(word).collect();
    format!("run {}", words.join(" "))
}

fn outputs(found: &Reproduction) -> String {
    let mut lines = vec!["list_outputs".to_owned()];
    let diff = found
        .code
        .iter()
        .map(|code| code.diff_digest.as_str())
        .next();
    // The changes that it was made with do not come out of it.
    let outputs = found
        .outputs
        .iter()
        .filter(|output| Some(output.digest.as_str()) != diff);
    for output in outputs {
        if let Ok(digest) = output.digest.parse::<Digest>() {
            lines.push(format!(
                "expect {} {}",
                quote(&output.path),
                digest.to_hex()
            ));
        }
    }
    lines.push("exit \"$status\"".to_owned());
    lines.join("\n") + "\n"
}

/// A word for a POSIX shell that means `text` and nothing else.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same, nothing for nothing: the beginning of a word.
fn quote_some(text: &str) -> String {
    match text {
        "" => String::new(),
        text => quote(text),
    }
}

#[cfg(test)]
mod tests;
