//! A receiver on loopback.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::IntoResponse as _,
};
use herdbook_testkit::wait_until;
use serde_json::Value;
use tokio::{net::TcpListener, task::AbortHandle};

/// What it got.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// As JSON.
    pub(crate) event: Value,
    /// Revision of the change.
    pub(crate) revision: i64,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// What it says to that.
pub(crate) enum Reply {
    Status(u16),
    Redirect(String),
    /// Nothing, ever.
    Silence,
}

/// A server that keeps what is posted to it, until it is dropped.
pub(crate) struct Receiver {
    address: String,
    got: Arc<Mutex<Vec<Received>>>,
    task: AbortHandle,
}

impl Receiver {
    /// One that answers by `reply`.
    pub(crate) async fn start(reply: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let got: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (kept, reply) = (got.clone(), Arc::new(reply));
        let answer = move |request: Request| {
            let (kept, reply) = (kept.clone(), reply.clone());
            async move {
                let received = read(request).await;
                let reply = reply(&received);
                kept.lock().unwrap().push(received);
                match reply {
                    Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
                    Reply::Redirect(to) => (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
                    Reply::Silence => std::future::pending().await,
                }
            }
        };
        let router = Router::new().fallback(answer);
        let serving = async move { axum::serve(listener, router).await.unwrap() };
        Self {
            address,
            got,
            task: tokio::spawn(serving).abort_handle(),
        }
    }

    /// One that takes everything.
    pub(crate) async fn content() -> Self {
        Self::start(|_| Reply::Status(204)).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn got(&self) -> Vec<Received> {
        self.got.lock().unwrap().clone()
    }

    /// Revisions of what it got, in its order.
    pub(crate) fn revisions(&self) -> Vec<i64> {
        self.got().iter().map(|got| got.revision).collect()
    }

    /// What it got, once that is `count` or more.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        let what = format!("{count} posts");
        wait_until(&what, async || {
            Some(self.got()).filter(|got| got.len() >= count)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(request: Request) -> Received {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let event: Value = serde_json::from_slice(&body).unwrap();
    Received {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        revision: event["data"]["revision"].as_i64().unwrap_or_default(),
        body,
        event,
    }
}
