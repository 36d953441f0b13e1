//! Texts, each once, as long as it is in use.

use std::{collections::HashMap, sync::Arc};

use herdbook_filter::as_number;

#[derive(Debug, Default)]
pub(super) struct Dictionary {
    entries: Vec<Entry>,
    codes: HashMap<Arc<str>, u32>,
    /// Codes that are not in use.
    free: Vec<u32>,
    /// Bytes of the texts.
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) text: Arc<str>,
    /// What it reads as; a NaN if it reads as no number.
    pub(super) number: f64,
    uses: u32,
}

impl Dictionary {
    /// The code of a text, one use more.
    pub(super) fn take(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            self.entries[*code as usize].uses += 1;
            return *code;
        }
        let text: Arc<str> = text.into();
        self.bytes += text.len();
        let entry = Entry {
            text: text.clone(),
            number: as_number(&text).unwrap_or(f64::NAN),
            uses: 1,
        };
        let code = match self.free.pop() {
            Some(code) => {
                self.entries[code as usize] = entry;
                code
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.codes.insert(text, code);
        code
    }

    /// One use less.
    pub(super) fn release(&mut self, code: u32) {
        let entry = &mut self.entries[code as usize];
        entry.uses -= 1;
        if entry.uses == 0 {
            self.bytes -= entry.text.len();
            self.codes.remove(&entry.text);
            entry.text = "".into();
            entry.number = f64::NAN;
            self.free.push(code);
        }
    }

    pub(super) fn get(&self, code: u32) -> &Entry {
        &self.entries[code as usize]
    }

    /// By their codes, those that are not in use included.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes of memory, about.
    pub(super) fn weight(&self) -> usize {
        self.bytes + self.entries.len() * 80
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_as_long_as_it_is_used() {
        let mut dictionary = Dictionary::default();
        let codes = ["a", "1.5", "a"].map(|text| dictionary.take(text));
        assert_eq!(codes, [0, 1, 0]);
        assert_eq!(dictionary.get(1).number, 1.5);
        dictionary.release(0);
        assert_eq!(&*dictionary.get(0).text, "a");
        dictionary.release(0);
        assert_eq!(dictionary.take("b"), 0);
        assert_eq!((dictionary.bytes, dictionary.take("a")), (4, 2));
    }
}
