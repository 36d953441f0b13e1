//! Bodies of requests: read up to a limit, unpacked, and only JSON.

use std::io::Read as _;

use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use herdbook_core::{Code, ServiceError};
use http::{HeaderMap, HeaderName, header};

/// Bytes that are read and thrown away after a body has passed its limit: a client that still writes
/// would see its connection break, and no answer.
const DRAINED: usize = 64 << 20;

/// A body that is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// Over the limit, as sent or unpacked.
    #[error("the body has more than {0} bytes; send less at a time")]
    TooLarge(usize),
    /// Another media type.
    #[error("the body is {0:?}; send JSON, with the header Content-Type: application/json")]
    NotJson(String),
    /// Another packing.
    #[error("the body's Content-Encoding {0:?} is not known here; send gzip or none")]
    Encoding(String),
    /// Packed wrongly.
    #[error("the body cannot be unpacked by gzip: {0}")]
    Damaged(std::io::Error),
    /// Ended early.
    #[error("the body ended early; send it again")]
    Interrupted,
}

impl ServiceError for BodyError {
    fn code(&self) -> Code {
        Code::InvalidArgument
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "BODY_TOO_LARGE",
            Self::NotJson(_) => "BODY_NOT_JSON",
            Self::Encoding(_) => "BODY_ENCODING_UNKNOWN",
            Self::Damaged(_) => "BODY_DAMAGED",
            Self::Interrupted => "BODY_INTERRUPTED",
        }
    }
}

/// The JSON text of a request: at most `limit` bytes, packed or not.
pub(crate) async fn json(request: Request, limit: usize) -> Result<Bytes, BodyError> {
    let content_type = text(request.headers(), &header::CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.is_empty() && !is_json(media_type) {
        return Err(BodyError::NotJson(content_type));
    }
    let encoding = text(request.headers(), &header::CONTENT_ENCODING);
    let body = read(request, limit).await?;
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => unpack(&body, limit),
        _ => Err(BodyError::Encoding(encoding)),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    value.unwrap_or_default().to_owned()
}

fn is_json(media_type: &str) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

async fn read(request: Request, limit: usize) -> Result<Bytes, BodyError> {
    let mut chunks = request.into_body().into_data_stream();
    let mut body = BytesMut::new();
    let mut drained = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Interrupted)?;
        if drained > 0 || body.len() + chunk.len() > limit {
            body.clear();
            drained += chunk.len();
            if drained > DRAINED {
                break;
            }
        } else {
            body.extend_from_slice(&chunk);
        }
    }
    match drained {
        0 => Ok(body.freeze()),
        _ => Err(BodyError::TooLarge(limit)),
    }
}

fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, BodyError> {
    let mut body = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(one_more)
        .read_to_end(&mut body)
        .map_err(BodyError::Damaged)?;
    if body.len() > limit {
        return Err(BodyError::TooLarge(limit));
    }
    Ok(body.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use axum::body::Body;
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    async fn taken(headers: &[(&str, &str)], body: Vec<u8>) -> Result<Bytes, BodyError> {
        let mut request = http::Request::post("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        json(request.body(Body::from(body)).unwrap(), 100).await
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn plain_and_packed_json_is_taken() {
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(taken(&[json], b"{}".to_vec()).await.unwrap(), "{}");
        let gzip = ("content-encoding", "gzip");
        assert_eq!(taken(&[json, gzip], packed(b"{}")).await.unwrap(), "{}");
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_packed_or_not() {
        let large = vec![b' '; 101];
        let refused = taken(&[], large.clone()).await.unwrap_err();
        assert!(matches!(refused, BodyError::TooLarge(100)));
        let refused = taken(&[("content-encoding", "gzip")], packed(&large)).await;
        assert!(matches!(refused.unwrap_err(), BodyError::TooLarge(100)));
    }

    #[tokio::test]
    async fn other_types_and_packings_are_refused() {
        let refused = taken(&[("content-type", "text/csv")], vec![]).await;
        assert!(matches!(refused.unwrap_err(), BodyError::NotJson(_)));
        let refused = taken(&[("content-encoding", "br")], vec![]).await;
        assert!(matches!(refused.unwrap_err(), BodyError::Encoding(_)));
        let refused = taken(&[("content-encoding", "gzip")], b"{}".to_vec()).await;
        assert!(matches!(refused.unwrap_err(), BodyError::Damaged(_)));
    }
}
