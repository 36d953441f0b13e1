//! Patterns of LIKE and ILIKE: `%` is any text, `_` any character, `\` takes the next as it is.

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
    fold: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Char(char),
}

impl Pattern {
    /// Reads a pattern; with `fold` upper and lower case are the same.
    pub(crate) fn new(text: &str, fold: bool) -> Self {
        let folded = if fold {
            text.to_lowercase()
        } else {
            text.to_owned()
        };
        let mut parts = Vec::new();
        let mut chars = folded.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '%' => Part::Any,
                '_' => Part::One,
                // One at the end stands for itself.
                '\\' => Part::Char(chars.next().unwrap_or('\\')),
                c => Part::Char(c),
            });
        }
        Self { parts, fold }
    }

    /// Whether the whole of `text` is of this form.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if self.fold {
            self.matches_exactly(&text.to_lowercase())
        } else {
            self.matches_exactly(text)
        }
    }

    /// Greedy, going back to the last `%` alone: what is before it fits whatever it takes.
    fn matches_exactly(&self, text: &str) -> bool {
        let (mut chars, mut at) = (text.chars(), 0);
        let mut back = None;
        loop {
            let before = chars.clone();
            match (self.parts.get(at), chars.next()) {
                (Some(Part::Any), _) => {
                    chars = before.clone();
                    at += 1;
                    back = Some((at, before));
                    continue;
                }
                (None, None) => return true,
                (Some(Part::One), Some(_)) => {
                    at += 1;
                    continue;
                }
                (Some(Part::Char(wanted)), Some(found)) if *wanted == found => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
            let Some((after, rest)) = &mut back else {
                return false;
            };
            if rest.next().is_none() {
                return false;
            }
            (at, chars) = (*after, rest.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By definition, in time exponential in the number of `%`.
    fn naive(parts: &[Part], text: &[char]) -> bool {
        match (parts.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((Part::Any, rest)), _) => {
                (0..=text.len()).any(|taken| naive(rest, &text[taken..]))
            }
            (Some((Part::One, rest)), Some((_, others))) => naive(rest, others),
            (Some((Part::Char(c), rest)), Some((found, others))) => {
                c == found && naive(rest, others)
            }
            _ => false,
        }
    }

    #[test]
    fn patterns_are_those_of_sql() {
        for (pattern, text, fits) in [
            ("a%", "abc", true),
            ("%b%", "abc", true),
            ("a_c", "abc", true),
            ("a_c", "aéc", true),
            ("a\\%", "a%", true),
            ("a\\%", "ab", false),
            ("A%", "abc", false),
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
        ] {
            assert_eq!(
                Pattern::new(pattern, false).matches(text),
                fits,
                "{pattern} {text}"
            );
        }
        assert!(Pattern::new("RISK%É", true).matches("Risk-mlé"));
    }

    proptest! {
        #[test]
        fn it_matches_what_the_definition_says(pattern in "[ab%_]{0,8}", text in "[ab]{0,8}") {
            let pattern = Pattern::new(&pattern, false);
            let chars: Vec<char> = text.chars().collect();
            prop_assert_eq!(pattern.matches(&text), naive(&pattern.parts, &chars));
        }
    }
}
