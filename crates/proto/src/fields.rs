//! Fields that many requests have, read the same way everywhere.

use std::collections::BTreeMap;

use herdbook_core::{
    check_key,
    limits::{DEFAULT_PAGE_SIZE, ENTRIES_PER_REQUEST, MAX_PAGE_SIZE},
};
use prost_types::FieldMask;

use crate::{InvalidRequest, Violations};

/// Characters in a request id.
const REQUEST_ID_CHARS: usize = 128;
/// What a search passes over at most.
const MAX_SKIP: u32 = 1_000_000;

/// Entries of a page; the default if `size` is 0.
pub fn page_size(size: u32) -> Result<usize, InvalidRequest> {
    let size = if size == 0 { DEFAULT_PAGE_SIZE } else { size };
    if size > MAX_PAGE_SIZE {
        let what = format!("is {size}; at most {MAX_PAGE_SIZE} are given at a time");
        return Err(InvalidRequest::field("page_size", what));
    }
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

/// What a search passes over before its page.
pub fn skip(skip: u32) -> Result<usize, InvalidRequest> {
    if skip > MAX_SKIP {
        let what = format!("is {skip}; at most {MAX_SKIP} are passed over, go on with page_token");
        return Err(InvalidRequest::field("skip", what));
    }
    Ok(usize::try_from(skip).unwrap_or(usize::MAX))
}

/// Keys and values, such as tags, with at most `value_bytes` bytes in a value.
pub fn pairs(
    field: &str,
    pairs: BTreeMap<String, String>,
    value_bytes: usize,
    violations: &mut Violations,
) -> BTreeMap<String, String> {
    entries(field, pairs.len(), violations);
    for (key, value) in &pairs {
        violations.check(
            field,
            check_key(key).map_err(|error| format!("the key {key:?} {error}")),
        );
        if value.len() > value_bytes {
            let bytes = value.len();
            let what = format!(
                "the value of {key:?} has {bytes} bytes; at most {value_bytes} are allowed"
            );
            violations.add(field, what);
        } else if value.contains('\0') {
            violations.add(
                field,
                format!("the value of {key:?} has a NUL character; remove it"),
            );
        }
    }
    pairs
}

/// Checks the number of entries of a repeated field.
pub fn entries(field: &str, count: usize, violations: &mut Violations) {
    if count > ENTRIES_PER_REQUEST {
        let what =
            format!("has {count} entries; at most {ENTRIES_PER_REQUEST} are taken in one request");
        violations.add(field, what);
    }
}

/// A key for safe repeats; `None` if it is empty.
pub fn request_id(id: String, violations: &mut Violations) -> Option<String> {
    if id.is_empty() {
        return None;
    }
    if id.chars().count() > REQUEST_ID_CHARS || id.chars().any(char::is_control) {
        let what = format!("must be at most {REQUEST_ID_CHARS} characters on one line");
        violations.add("request_id", what);
    }
    Some(id)
}

/// Which fields an update changes.
#[derive(Debug)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Reads the mask of an update that may change `fields`. An empty one and other fields are noted.
    /// Where `tags` may be changed, so may `tags.<key>`.
    pub fn read(mask: Option<FieldMask>, fields: &[&str], violations: &mut Violations) -> Self {
        let paths = mask.map(|mask| mask.paths).unwrap_or_default();
        let known = fields.join(", ");
        if paths.is_empty() {
            violations.add(
                "update_mask",
                format!("must name the fields to change: {known}"),
            );
        }
        let one_tag = |path: &str| {
            path.strip_prefix("tags.")
                .is_some_and(|key| !key.is_empty())
        };
        for path in &paths {
            let tag = fields.contains(&"tags") && one_tag(path);
            if !tag && !fields.contains(&path.as_str()) {
                let what = format!("{path:?} cannot be changed; these can: {known}");
                violations.add("update_mask", what);
            }
        }
        Self(paths)
    }

    /// Whether the field is to be changed as a whole.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|path| path == field)
    }

    /// `old` as it is with the tags that the mask names taken from `new`.
    pub fn change_tags(&self, old: &mut BTreeMap<String, String>, new: BTreeMap<String, String>) {
        for key in self.0.iter().filter_map(|path| path.strip_prefix("tags.")) {
            match new.get(key) {
                Some(value) => old.insert(key.to_owned(), value.clone()),
                None => old.remove(key),
            };
        }
        if self.has("tags") {
            *old = new;
        }
    }
}
