//! Channels from one service to another, in the same process or across the network alike.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, middleware::from_fn_with_state};
use herdbook_core::{PrincipalId, ServiceError, WorkspaceId};
use http::{HeaderValue, Request, Response};
use tonic::{
    body::Body,
    service::{Routes, RoutesBuilder},
    transport::{Channel, Endpoint},
};
use tower::{Service, ServiceExt as _};
use uuid::Uuid;

use crate::{
    ASSERTION, Authenticate, Caller, Role,
    auth::authorise,
    status::status_of,
    telemetry::{REQUEST_ID, TRACEPARENT, current_context},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Signs who a service calls for, so that the service it calls can believe it.
pub trait Assertions: Send + Sync + 'static {
    /// A short-lived assertion for calls of `caller` to `audience`, such as `tracking`.
    fn sign(&self, caller: &Caller, audience: &str) -> Result<HeaderValue, Box<dyn ServiceError>>;
}

/// A way to another service; calls on it carry a signed assertion of who they are for.
#[derive(Clone)]
pub struct PeerChannel {
    transport: Transport,
    audience: &'static str,
    assertions: Arc<dyn Assertions>,
}

#[derive(Clone)]
enum Transport {
    /// The other service's own tower service: no socket in between.
    Local(Router),
    Remote(Channel),
}

impl PeerChannel {
    /// A channel to `service` in this process, behind the same authentication as on the network.
    pub fn local(
        audience: &'static str,
        service: RoutesBuilder,
        authenticator: Arc<dyn Authenticate>,
        assertions: Arc<dyn Assertions>,
    ) -> Self {
        let routes: Routes = service.routes();
        let router = routes
            .into_axum_router()
            .layer(from_fn_with_state(authenticator, authorise));
        Self {
            transport: Transport::Local(router),
            audience,
            assertions,
        }
    }

    /// A channel to the service at `endpoint`, connected when first used and again after a loss.
    pub fn remote(
        audience: &'static str,
        endpoint: Endpoint,
        assertions: Arc<dyn Assertions>,
    ) -> Self {
        Self {
            transport: Transport::Remote(endpoint.connect_lazy()),
            audience,
            assertions,
        }
    }

    /// The channel for calls that `caller` is the reason for.
    #[must_use]
    pub fn on_behalf_of(&self, caller: &Caller) -> CallerChannel {
        CallerChannel {
            peer: self.clone(),
            caller: caller.clone(),
        }
    }

    /// The channel for a background chore in `workspace`, as a contributor of the name `service`.
    #[must_use]
    pub fn as_service(&self, service: &str, workspace: WorkspaceId) -> CallerChannel {
        let principal = PrincipalId::from(Uuid::nil());
        let caller = Caller {
            principal,
            name: service.into(),
            workspace,
            role: Role::Contributor,
        };
        CallerChannel {
            peer: self.clone(),
            caller,
        }
    }
}

/// A [`PeerChannel`] for one caller: hand it to a generated client.
#[derive(Clone)]
pub struct CallerChannel {
    peer: PeerChannel,
    caller: Caller,
}

impl Service<Request<Body>> for CallerChannel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Readiness is awaited on the clone that makes the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.peer.assertions.sign(&self.caller, self.peer.audience) {
            Ok(assertion) => request.headers_mut().insert(ASSERTION, assertion),
            Err(error) => {
                let refused = status_of(&*error).into_http::<Body>();
                return Box::pin(std::future::ready(Ok(refused)));
            }
        };
        if let Some(context) = current_context() {
            if let Ok(id) = HeaderValue::from_str(&context.request_id) {
                request.headers_mut().insert(REQUEST_ID, id);
            }
            if let Some(traceparent) = context.traceparent {
                request.headers_mut().insert(TRACEPARENT, traceparent);
            }
        }
        match self.peer.transport.clone() {
            Transport::Local(router) => Box::pin(async move {
                let response = router.oneshot(request).await?;
                Ok(response.map(Body::new))
            }),
            Transport::Remote(channel) => {
                Box::pin(async move { Ok(channel.oneshot(request).await?) })
            }
        }
    }
}
