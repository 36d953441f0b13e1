//! Opaque keyset page tokens.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Where a page ended: the sort key of its last entry, tied to the query that made it.
///
/// The text is URL-safe base64 of JSON. It is opaque to callers, but not secret: a token that was
/// tampered with can only name another place in the caller's own results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageToken<K> {
    /// Sort key of the last entry of the page.
    #[serde(rename = "k")]
    pub after: K,
    /// Fingerprint of filter and order: a token of another query is refused.
    #[serde(rename = "q")]
    pub query: u64,
}

/// A page token that is not one of ours, or not of this query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPageToken {
    /// Not a token this server made.
    #[error("is not a page token of this server; leave it empty for the first page")]
    Malformed,
    /// Made for another filter or order.
    #[error("belongs to a query with another filter or order; start again from the first page")]
    OtherQuery,
}

impl<K: Serialize + DeserializeOwned> PageToken<K> {
    /// The token for the page after `after` of the query described by `query` (its filter, order
    /// and whatever else decides the sequence).
    pub fn new(after: K, query: &str) -> Self {
        Self {
            after,
            query: fingerprint(query),
        }
    }

    /// Cuts what was found of the query, one more than a page where another follows, to a page of `size`; the
    /// text of the token for the next, which begins after the last entry's `key`, or none.
    pub fn cut<T>(
        found: &mut Vec<T>,
        size: usize,
        query: &str,
        key: impl FnOnce(&T) -> K,
    ) -> String {
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| more);
        last.map(|last| Self::new(key(last), query).encode())
            .unwrap_or_default()
    }

    /// The text to hand to the caller.
    #[must_use]
    pub fn encode(&self) -> String {
        // Keys are plain numbers and strings, whose JSON cannot fail.
        serde_json::to_vec(self)
            .map(|json| BASE64_URL_SAFE_NO_PAD.encode(json))
            .unwrap_or_default()
    }

    /// Reads a token for `query`; an empty text is the first page.
    pub fn decode(text: &str, query: &str) -> Result<Option<K>, InvalidPageToken> {
        if text.is_empty() {
            return Ok(None);
        }
        let json = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| InvalidPageToken::Malformed)?;
        let token: Self = serde_json::from_slice(&json).map_err(|_| InvalidPageToken::Malformed)?;
        if token.query != fingerprint(query) {
            return Err(InvalidPageToken::OtherQuery);
        }
        Ok(Some(token.after))
    }
}

/// FNV-1a, 64 bit (draft-eastlake-fnv): stable across processes and versions, unlike `Hasher`s.
fn fingerprint(query: &str) -> u64 {
    query.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_page_with_more_behind_it_has_a_next() {
        let cut = |count: u32| {
            let mut found: Vec<u32> = (1..=count).collect();
            let token = PageToken::cut(&mut found, 2, "all", |last| *last);
            (found, PageToken::<u32>::decode(&token, "all").unwrap())
        };
        assert_eq!(cut(0), (vec![], None));
        assert_eq!(cut(2), (vec![1, 2], None));
        assert_eq!(cut(3), (vec![1, 2], Some(2)));
    }

    #[test]
    fn a_token_survives_the_round_trip_of_its_own_query_only() {
        let text = PageToken::new((0.25, "id".to_owned()), "acc > 0.9").encode();
        assert_eq!(
            PageToken::<(f64, String)>::decode(&text, "acc > 0.9"),
            Ok(Some((0.25, "id".to_owned())))
        );
        assert_eq!(
            PageToken::<(f64, String)>::decode(&text, "acc > 0.8"),
            Err(InvalidPageToken::OtherQuery)
        );
        assert_eq!(
            PageToken::<(f64, String)>::decode("x%", "acc > 0.9"),
            Err(InvalidPageToken::Malformed)
        );
        assert_eq!(
            PageToken::<(f64, String)>::decode("", "acc > 0.9"),
            Ok(None)
        );
    }
}
