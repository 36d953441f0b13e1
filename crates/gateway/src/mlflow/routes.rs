//! The endpoints below their prefixes, and below `/w/<workspace>` again.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{MethodFilter, get, on},
};
use herdbook_rpc::Authenticate;

use super::{
    call::Door,
    endpoint::Base,
    endpoints,
    error::{Error, ErrorCode},
    server_info,
};
use crate::Services;

/// What the paths of MLflow's API begin with. Which version an endpoint came with is not looked at.
const VERSIONS: [&str; 6] = [
    "/api/2.0",
    "/api/2.11",
    "/api/3.0",
    "/ajax-api/2.0",
    "/ajax-api/2.11",
    "/ajax-api/3.0",
];

/// All routes of MLflow's clients.
pub(crate) fn routes(authenticator: Arc<dyn Authenticate>, services: Services) -> Router {
    let door = Arc::new(Door {
        authenticator,
        services,
    });
    let of = |base: Base| {
        let mine = endpoints().into_iter().filter(|one| one.base == base);
        let router = mine.fold(Router::new(), |router, endpoint| {
            let handler = endpoint.handler;
            // Fails for CONNECT and methods of somebody's own, of which no endpoint has any.
            let method = MethodFilter::try_from(endpoint.method).unwrap_or(MethodFilter::GET);
            let answer = move |State(door), request| handler(door, request);
            router.route(&format!("/{}", endpoint.path), on(method, answer))
        });
        router.with_state(Arc::clone(&door))
    };
    let unknown = |router: Router| {
        router
            .fallback(not_found)
            .method_not_allowed_fallback(wrong_method)
    };
    let (mlflow, artifacts) = (unknown(of(Base::Mlflow)), unknown(of(Base::Artifacts)));
    let mut all = of(Base::Root)
        .route("/health", get(server_info::health))
        .route("/version", get(server_info::version));
    for version in VERSIONS {
        all = all
            .nest_service(&format!("{version}/mlflow"), mlflow.clone())
            .nest_service(&format!("{version}/mlflow-artifacts"), artifacts.clone());
    }
    let below_workspace = unknown(all.clone());
    all.nest_service("/w/{workspace}", below_workspace)
}

async fn not_found() -> Error {
    let what = "there is no such endpoint; check the address and the version of the client";
    Error::new(ErrorCode::EndpointNotFound, what)
}

async fn wrong_method() -> Error {
    let what = "this endpoint is not called by this HTTP method; check the version of the client";
    Error::new(ErrorCode::EndpointNotFound, what)
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request};
    use herdbook_core::ServiceError;
    use herdbook_rpc::{
        Assertions, AuthFuture, Authenticate, Caller, PeerChannel, RoutesBuilder, Unauthorized,
    };
    use http::{HeaderMap, HeaderValue, StatusCode};
    use tower::ServiceExt as _;

    use super::*;

    /// Lets nobody in, and signs for nobody.
    struct Nobody;

    impl Authenticate for Nobody {
        fn authenticate<'a>(&'a self, _: &'a HeaderMap, _: &'a str) -> AuthFuture<'a> {
            Box::pin(std::future::ready(Err(Unauthorized::MissingToken)))
        }
    }

    impl Assertions for Nobody {
        fn sign(&self, _: &Caller, _: &str) -> Result<HeaderValue, Box<dyn ServiceError>> {
            Err(Box::new(Unauthorized::InvalidAssertion))
        }
    }

    async fn asked(router: &Router, method: &http::Method, path: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from("{}")).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 16)
            .await
            .unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn door() -> Router {
        let nobody: Arc<dyn Authenticate> = Arc::new(Nobody);
        let peer = |name| {
            PeerChannel::local(
                name,
                RoutesBuilder::default(),
                nobody.clone(),
                Arc::new(Nobody),
            )
        };
        let services = Services {
            access: peer("access"),
            tracking: peer("tracking"),
            registry: peer("registry"),
            lineage: peer("lineage"),
        };
        routes(nobody.clone(), services)
    }

    #[tokio::test]
    async fn every_endpoint_below_every_prefix_asks_who_calls() {
        let router = door();
        for endpoint in endpoints() {
            let path = endpoint.path.replace("{*", "{");
            let bases = match endpoint.base {
                Base::Root => vec![String::new()],
                Base::Mlflow => VERSIONS.map(|version| format!("{version}/mlflow")).into(),
                Base::Artifacts => VERSIONS
                    .map(|version| format!("{version}/mlflow-artifacts"))
                    .into(),
            };
            for base in bases {
                for workspace in ["", "/w/risk"] {
                    let path = format!("{workspace}{base}/{path}").replace(['{', '}'], "");
                    let (status, body) = asked(&router, &endpoint.method, &path).await;
                    assert_eq!(
                        status,
                        StatusCode::UNAUTHORIZED,
                        "{} {path}",
                        endpoint.method
                    );
                    assert!(body.contains(r#""error_code":"UNAUTHENTICATED""#), "{body}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_told_as_json() {
        let router = door();
        for path in [
            "/api/2.0/mlflow/runs/nothing",
            "/ajax-api/3.0/mlflow/x",
            "/w/risk/api/2.0/mlflow/x/y",
            "/w/risk/nothing",
        ] {
            let (status, body) = asked(&router, &http::Method::GET, path).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert!(
                body.contains(r#""error_code":"ENDPOINT_NOT_FOUND""#),
                "{body}"
            );
        }
        let (_, body) = asked(&router, &http::Method::PUT, "/api/2.0/mlflow/runs/get").await;
        assert!(body.contains("ENDPOINT_NOT_FOUND"), "{body}");
    }

    #[tokio::test]
    async fn who_watches_over_the_server_needs_no_token() {
        let router = door();
        for (path, says) in [
            ("/health", "OK"),
            ("/version", "3."),
            ("/w/risk/health", "OK"),
        ] {
            let (status, body) = asked(&router, &http::Method::GET, path).await;
            assert_eq!(status, StatusCode::OK);
            assert!(body.starts_with(says), "{body}");
        }
    }
}
