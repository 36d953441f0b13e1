//! Who is mentioned in a text.

use std::collections::BTreeSet;

/// The names that stand behind an `@` in `text`: `@ana`, `@"Ana Ruiz"`. Those of Markdown's code are none.
pub(crate) fn candidates(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            // Every second part is between backquotes.
            for plain in line.split('`').step_by(2) {
                collect(plain, &mut names);
            }
        }
    }
    names
}

fn collect<'a>(text: &'a str, names: &mut BTreeSet<&'a str>) {
    for (at, _) in text.match_indices('@') {
        // `ana@example.com` mentions nobody called example.com.
        let before = text[..at].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || before == '@') {
            continue;
        }
        let rest = &text[at + 1..];
        let name = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').map(|(name, _)| name),
            None => {
                let end = rest.find(|c: char| !is_plain(c)).unwrap_or(rest.len());
                // The full stop of a sentence is none of a name.
                Some(rest[..end].trim_end_matches(['.', '-']))
            }
        };
        names.extend(name.filter(|name| !name.is_empty() && !name.starts_with('@')));
    }
}

/// Names may also be addresses, such as `ana@example.com`.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        candidates(text).into_iter().collect()
    }

    #[test]
    fn names_stand_behind_an_at() {
        assert_eq!(found("@bo, see @ana."), ["ana", "bo"]);
        assert_eq!(
            found("(@ci-pipeline) @\"Ana Ruiz\"!"),
            ["Ana Ruiz", "ci-pipeline"]
        );
        assert_eq!(found("ask @ana@example.com"), ["ana@example.com"]);
    }

    #[test]
    fn addresses_and_code_mention_nobody() {
        assert!(found("write to ana@example.com").is_empty());
        assert!(found("`@property` and @ alone, @@x").is_empty());
        assert!(found("```python\n@cache\ndef f(): ...\n```").is_empty());
        assert_eq!(found("```\n@x\n```\n@bo"), ["bo"]);
    }
}
