//! One endpoint: where it is, and what answers it.

use std::{future::Future, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;

use super::{
    call::{Call, Door},
    error::Answer,
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

/// One endpoint. Whoever calls it is known before its handler is, so that none can forget to ask.
pub(super) struct Endpoint {
    pub(super) method: Method,
    /// Below its base, without a slash in front, such as `experiments/get`.
    pub(super) path: String,
    pub(super) base: Base,
    pub(super) handler: MethodRouter<Arc<Door>>,
}

impl Endpoint {
    /// An endpoint whose handler gets the fields of the request, in its query or as JSON.
    pub(super) fn new<H, F>(method: Method, path: &str, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer<Response>> + Send + 'static,
    {
        let answer = move |State(door): State<Arc<Door>>, request: Request| {
            let handler = handler.clone();
            async move {
                match door.read_call(request).await {
                    Ok(call) => handler(call).await.into_response(),
                    Err(error) => error.into_response(),
                }
            }
        };
        Self {
            handler: on(filter(&method), answer),
            method,
            path: path.to_owned(),
            base: Base::Mlflow,
        }
    }

    /// An endpoint whose handler reads the body by itself, such as a file.
    pub(super) fn streamed<H, F>(method: Method, path: &str, handler: H) -> Self
    where
        H: Fn(Call, Body) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer<Response>> + Send + 'static,
    {
        let answer = move |State(door): State<Arc<Door>>, request: Request| {
            let handler = handler.clone();
            async move {
                match door.open_call(request).await {
                    Ok((call, body)) => handler(call, body).await.into_response(),
                    Err(error) => error.into_response(),
                }
            }
        };
        Self {
            handler: on(filter(&method), answer),
            method,
            path: path.to_owned(),
            base: Base::Mlflow,
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

fn filter(method: &Method) -> MethodFilter {
    // Fails for CONNECT and methods of somebody's own, of which no endpoint has any.
    MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET)
}
