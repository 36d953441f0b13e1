//! The endpoints below their prefixes, and below `/w/<workspace>` again.

use std::sync::Arc;

use axum::{Router, routing::get};
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
            router.route(&format!("/{}", endpoint.path), endpoint.handler)
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
