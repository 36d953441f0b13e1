//! The web app, served by the binary itself: what `app/` was built to, who is signed in, and files of
//! runs and versions to download. Everything else the app asks it asks by gRPC-web, as any client would.

mod assets;
mod files;
mod session;

use axum::{Router, routing::get};
use herdbook_access::Access;
use herdbook_rpc::PeerChannel;
use http::{HeaderValue, header};
use tower_http::set_header::SetResponseHeaderLayer;

/// Where the app has pages. Other paths stay with gRPC, the doors of the gateway, and NOT_FOUND.
const PAGES: &[&str] = &[
    "/",
    "/compare",
    "/experiments",
    "/experiments/{*rest}",
    "/lineage",
    "/lineage/{*rest}",
    "/runs/{*rest}",
    "/models",
    "/models/{*rest}",
    "/approvals",
    "/start",
    "/reports",
    "/reports/{*rest}",
    "/activity",
    "/team",
    "/reference",
    "/reference/{*rest}",
];

/// What a page of the app may do: run and show what this server sent, and call nobody else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; frame-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The app of a process; cheap to clone.
#[derive(Clone)]
pub struct WebApp {
    access: Access,
    tracking: PeerChannel,
    registry: PeerChannel,
}

impl WebApp {
    /// An app whose users `access` knows, and whose files the services at `tracking` and `registry` have.
    #[must_use]
    pub fn new(access: Access, tracking: PeerChannel, registry: PeerChannel) -> Self {
        Self {
            access,
            tracking,
            registry,
        }
    }

    /// The routes, for a server to have beside gRPC.
    pub fn router(&self) -> Router {
        let pages = PAGES.iter().fold(Router::new(), |router, path| {
            router.route(path, get(assets::page))
        });
        pages
            .route("/assets/{*path}", get(assets::asset))
            .route("/favicon.svg", get(assets::favicon))
            .merge(session::routes(self.access.clone()))
            // Files bring a policy of their own, which is stricter.
            .layer(if_not_present(header::CONTENT_SECURITY_POLICY, POLICY))
            .merge(files::routes(
                self.tracking.clone(),
                self.registry.clone(),
                self.access.authenticator(),
            ))
            .layer(if_not_present(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .layer(if_not_present(header::REFERRER_POLICY, "same-origin"))
    }
}

fn if_not_present(
    name: header::HeaderName,
    value: &'static str,
) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
