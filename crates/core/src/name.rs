//! What a name, a key and a free text may look like, the same for every service.

use crate::limits::{KEY_CHARS, NAME_CHARS, TEXT_BYTES};

/// Why a name, key or text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Over the limit in characters.
    #[error("has {chars} characters; at most {limit} are allowed")]
    TooLong {
        /// Characters found.
        chars: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// Over the limit in bytes.
    #[error("has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Bytes found.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A control character, which no terminal and no log should be handed.
    #[error("has the control character U+{code:04X} at character {position}; remove it")]
    ControlCharacter {
        /// The character's code point.
        code: u32,
        /// Its position, counted from 1.
        position: usize,
    },
    /// White space at an end, which nobody sees and everybody mistypes.
    #[error("starts or ends with white space; trim it")]
    Untrimmed,
}

/// Checks the name of an experiment, run, model, workspace or stage.
pub fn check_name(name: &str) -> Result<(), NameError> {
    check_line(name, NAME_CHARS)
}

/// Checks the key of a param, metric or tag.
pub fn check_key(key: &str) -> Result<(), NameError> {
    check_line(key, KEY_CHARS)
}

/// Checks a description or notes: may be empty and have line ends and tabs, but no NUL, which
/// Postgres cannot store.
pub fn check_text(text: &str) -> Result<(), NameError> {
    if text.len() > TEXT_BYTES {
        return Err(NameError::TooLarge {
            bytes: text.len(),
            limit: TEXT_BYTES,
        });
    }
    match text.chars().position(|c| c == '\0') {
        Some(index) => Err(NameError::ControlCharacter {
            code: 0,
            position: index + 1,
        }),
        None => Ok(()),
    }
}

fn check_line(text: &str, limit: usize) -> Result<(), NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Empty);
    }
    if let Some((index, c)) = text.chars().enumerate().find(|(_, c)| c.is_control()) {
        return Err(NameError::ControlCharacter {
            code: u32::from(c),
            position: index + 1,
        });
    }
    if text.trim() != text {
        return Err(NameError::Untrimmed);
    }
    let chars = text.chars().count();
    if chars > limit {
        return Err(NameError::TooLong { chars, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_255_characters_passes_whatever_its_bytes() {
        assert_eq!(check_name(&"é".repeat(255)), Ok(()));
        assert_eq!(
            check_name(&"é".repeat(256)),
            Err(NameError::TooLong {
                chars: 256,
                limit: 255
            })
        );
    }

    #[test]
    fn empty_blank_and_control_characters_are_refused() {
        assert_eq!(check_name(""), Err(NameError::Empty));
        assert_eq!(check_name(" \t"), Err(NameError::Empty));
        assert_eq!(check_name(" a"), Err(NameError::Untrimmed));
        assert_eq!(
            check_name("a\u{1b}[31m"),
            Err(NameError::ControlCharacter {
                code: 0x1b,
                position: 2
            })
        );
    }

    #[test]
    fn a_text_keeps_its_lines_but_no_nul() {
        assert_eq!(check_text("a\n\tb"), Ok(()));
        assert_eq!(
            check_text("a\0"),
            Err(NameError::ControlCharacter {
                code: 0,
                position: 2
            })
        );
    }
}
