//! Files on their way out: whole, or a part.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, TryStreamExt as _};
use herdbook_proto::{
    common::v1::File,
    tracking::v1::{
        DownloadArtifactRequest, ListArtifactsRequest, download_artifact_response::Message,
    },
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tonic::Status;

use super::{media_type, place::Place};
use crate::mlflow::{
    call::Call,
    error::{Answer, Error},
};

/// Part of a file, as asked for: its first and last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Between(i64, i64),
    From(i64),
    Last(i64),
}

/// The file at `place`, or the part of it that the `Range` header asks for.
pub(super) async fn send(call: &Call, place: &Place) -> Answer<Response> {
    let range = call.header(header::RANGE.as_str()).and_then(range);
    let (offset, length) = match range {
        None => (0, 0),
        Some(Range::Between(first, last)) => (first, last - first + 1),
        Some(Range::From(first)) => (first, 0),
        Some(Range::Last(count)) => {
            let size = size(call, place).await?;
            ((size - count).max(0), 0)
        }
    };
    let (run_id, logged_model_id) = place.holder.ids();
    let request = DownloadArtifactRequest {
        run_id,
        logged_model_id,
        path: place.path.clone(),
        offset,
        length,
    };
    let answer = call.artifacts().download_artifact(request).await;
    let mut messages = match answer.map_err(Error::from) {
        Ok(answer) => answer.into_inner(),
        // The offset is behind the end.
        Err(error) if range.is_some() && error.is_for("INVALID_REQUEST") => {
            let size = size(call, place).await?;
            return Ok(unsatisfiable(size));
        }
        Err(error) => return Err(error),
    };
    let first = messages.next().await.transpose()?;
    let Some(Message::File(file)) = first.and_then(|first| first.message) else {
        return Err(Status::internal("the download has no head").into());
    };
    if range.is_some() && offset >= file.size {
        return Ok(unsatisfiable(file.size));
    }
    let end = match length {
        0 => file.size,
        length => offset.saturating_add(length).min(file.size),
    };
    let chunks = messages.map_ok(|message| match message.message {
        Some(Message::Chunk(chunk)) => chunk,
        _ => bytes::Bytes::new(),
    });
    let mut headers = headers(&file);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - offset));
    let status = match range {
        None => StatusCode::OK,
        Some(_) => {
            let last = end - 1;
            insert(
                &mut headers,
                header::CONTENT_RANGE,
                &format!("bytes {offset}-{last}/{}", file.size),
            );
            StatusCode::PARTIAL_CONTENT
        }
    };
    Ok((status, headers, Body::from_stream(chunks)).into_response())
}

/// Always an attachment of a known type: a browser that showed it would run what is in it as a page of ours.
fn headers(file: &File) -> HeaderMap {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_TYPE, &media_type::of(name));
    insert(
        &mut headers,
        header::CONTENT_DISPOSITION,
        &media_type::attachment(name),
    );
    insert(&mut headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    insert(&mut headers, header::ACCEPT_RANGES, "bytes");
    insert(&mut headers, header::CACHE_CONTROL, "no-cache");
    insert(&mut headers, header::ETAG, &format!("\"{}\"", file.digest));
    headers
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn unsatisfiable(size: i64) -> Response {
    let range = format!("bytes */{size}");
    let headers = [(header::CONTENT_RANGE, range)];
    (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response()
}

/// The size of a file.
async fn size(call: &Call, place: &Place) -> Answer<i64> {
    let (run_id, logged_model_id) = place.holder.ids();
    let request = ListArtifactsRequest {
        run_id,
        logged_model_id,
        path: place.path.clone(),
        page_size: 1,
        ..Default::default()
    };
    let listed = call.artifacts().list_artifacts(request).await?.into_inner();
    let file = listed
        .files
        .into_iter()
        .find(|file| file.path == place.path);
    let missing = || Error::not_found(format!("No such artifact: '{}'", place.path));
    Ok(file.ok_or_else(missing)?.size)
}

/// The one part that is asked for; several, and what is no range, mean the whole file, as RFC 9110 allows.
fn range(text: &str) -> Option<Range> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.trim().parse::<i64>().ok().filter(|n| *n >= 0);
    match (first.trim(), last.trim()) {
        ("", last) => number(last).filter(|count| *count > 0).map(Range::Last),
        (first, "") => number(first).map(Range::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last && last < i64::MAX).then_some(Range::Between(first, last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_no_other() {
        assert_eq!(range("bytes=0-9"), Some(Range::Between(0, 9)));
        assert_eq!(range("bytes=5-"), Some(Range::From(5)));
        assert_eq!(range("bytes=-5"), Some(Range::Last(5)));
        for other in [
            "bytes=9-0",
            "bytes=-0",
            "bytes=-",
            "bytes=0-1,3-4",
            "items=0-9",
            "bytes=-1-2",
            "bytes=0-9223372036854775807",
        ] {
            assert_eq!(range(other), None, "{other}");
        }
    }
}
