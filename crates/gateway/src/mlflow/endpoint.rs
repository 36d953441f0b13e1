//! One endpoint: where it is, and what answers it.

use std::{future::Future, sync::Arc};

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use futures::{FutureExt as _, future::BoxFuture};
use http::{Method, header::CONNECTION};

use super::{
    call::{Call, Door},
    error::{Answer, Error},
};

/// Below which prefixes an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// `/api/<version>/mlflow` and its `/ajax-api` twin.
    Mlflow,
    /// `/api/<version>/mlflow-artifacts` and its twin.
    Artifacts,
    /// The root.
    Root,
}

/// What answers a request.
pub(super) type Handler =
    Arc<dyn Fn(Arc<Door>, Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// A refusal of a request whose body may not have been read: no other request can follow on its connection, which the
/// client must be told, or its next one goes nowhere.
fn closing(error: Error) -> Response {
    ([(CONNECTION, "close")], error).into_response()
}

/// One endpoint. Whoever calls it is known before its handler is, so that none can forget to ask.
pub(super) struct Endpoint {
    pub(super) method: Method,
    /// Below its base, without a slash in front, such as `experiments/get`.
    pub(super) path: String,
    pub(super) base: Base,
    pub(super) handler: Handler,
}

impl Endpoint {
    /// An endpoint whose handler gets the fields of the request, in its query or as JSON.
    pub(super) fn new<H, F>(method: Method, path: &str, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer<Response>> + Send + 'static,
    {
        Self::answered(method, path, move |door, request| {
            let handler = handler.clone();
            async move {
                match door.read_call(request).await {
                    Ok(call) => handler(call).await.into_response(),
                    Err(error) => closing(error),
                }
            }
        })
    }

    /// An endpoint whose handler reads the body by itself, such as a file.
    pub(super) fn streamed<H, F>(method: Method, path: &str, handler: H) -> Self
    where
        H: Fn(Call, Body) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer<Response>> + Send + 'static,
    {
        Self::answered(method, path, move |door, request| {
            let handler = handler.clone();
            async move {
                let answer = async {
                    let (call, body) = door.open_call(request).await?;
                    handler(call, body).await
                };
                answer.await.unwrap_or_else(closing)
            }
        })
    }

    fn answered<H, F>(method: Method, path: &str, answer: H) -> Self
    where
        H: Fn(Arc<Door>, Request) -> F + Send + Sync + 'static,
        F: Future<Output = Response> + Send + 'static,
    {
        let handler = move |door, request| answer(door, request).boxed();
        Self {
            method,
            path: path.to_owned(),
            base: Base::Mlflow,
            handler: Arc::new(handler),
        }
    }

    pub(super) fn get<H, F>(path: &str, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer<Response>> + Send + 'static,
    {
        Self::new(Method::GET, path, handler)
    }

    pub(super) fn post<H, F>(path: &str, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer<Response>> + Send + 'static,
    {
        Self::new(Method::POST, path, handler)
    }

    /// The same endpoint elsewhere.
    pub(super) fn at(mut self, base: Base) -> Self {
        self.base = base;
        self
    }
}
