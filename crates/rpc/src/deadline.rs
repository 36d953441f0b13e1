//! The caller's deadline: work that nobody waits for is dropped.

use std::time::Duration;

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::HeaderMap;
use tonic::Status;

/// Ends a call whose `grpc-timeout` has passed before it answered.
pub(crate) async fn honour(request: Request, next: Next) -> Response {
    let Some(limit) = timeout(request.headers()) else {
        return next.run(request).await;
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Status::deadline_exceeded(format!("not done within the caller's {limit:?}"))
            .into_http::<Body>(),
    }
}

/// Reads `grpc-timeout`: at most eight digits and a unit, by the gRPC protocol
/// ("gRPC over HTTP2", Timeout).
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount = digits.parse::<u32>().ok().filter(|_| digits.len() <= 8)?;
    let amount = u64::from(amount);
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit_and_ignores_nonsense() {
        let read = |text: &'static str| {
            timeout(&HeaderMap::from_iter([(
                "grpc-timeout".parse().unwrap(),
                text.parse().unwrap(),
            )]))
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("150m"), Some(Duration::from_millis(150)));
        assert_eq!(read("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for nonsense in ["", "5", "S", "123456789S", "5x", "-1S"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
