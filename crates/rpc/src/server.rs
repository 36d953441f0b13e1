//! The server: gRPC, gRPC-web and plain HTTP on one port, and an end that loses nothing.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    middleware::{from_fn, from_fn_with_state},
    response::Response,
    routing::get,
};
use herdbook_proto::FILE_DESCRIPTOR_SET;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::{Status, service::RoutesBuilder};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_web::GrpcWebLayer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    Authenticate, BrowserGuard, auth::authorise, browser::guard, deadline::honour,
    session::present, telemetry, wakeful::Wakeful,
};

/// How long streams and calls may go on once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// A connection that does not answer a ping within this time is dead.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Bytes a client may send ahead on one stream, and on one connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A server being put together. The binary and the tests build theirs by the same calls.
pub struct Server {
    routes: RoutesBuilder,
    http: Router,
    authenticator: Arc<dyn Authenticate>,
    guard: Option<BrowserGuard>,
}

impl Server {
    /// A server of `routes` whose callers `authenticator` knows.
    pub fn new(routes: RoutesBuilder, authenticator: Arc<dyn Authenticate>) -> Self {
        Self {
            routes,
            http: Router::new(),
            authenticator,
            guard: None,
        }
    }

    /// Serves plain HTTP routes beside gRPC.
    #[must_use]
    pub fn http(mut self, router: Router) -> Self {
        self.http = self.http.merge(router);
        self
    }

    /// Keeps strangers' pages out: needed wherever the caller is known by nothing but the address.
    #[must_use]
    pub fn browser_guard(mut self, guard: BrowserGuard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Serves on `listener` until `shutdown`: then health says NOT_SERVING, no connection is taken any
    /// more, and what is under way has ten seconds to end.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
        let (health, router) = self.into_router().await?;
        let prometheus = telemetry::prometheus();
        let mut upkeep = tokio::time::interval(telemetry::UPKEEP);
        let connections = GracefulShutdown::new();
        health.set_service_status("", ServingStatus::Serving).await;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = upkeep.tick() => prometheus.into_iter().for_each(metrics_exporter_prometheus::PrometheusHandle::run_upkeep),
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => connect(stream, router.clone(), &connections),
                    // Such as too many open files: others may go on and free some.
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        health
            .set_service_status("", ServingStatus::NotServing)
            .await;
        drop(listener);
        if tokio::time::timeout(GRACE, connections.shutdown())
            .await
            .is_err()
        {
            tracing::warn!(grace = ?GRACE, "calls were still under way at the end of the grace time");
        }
        Ok(())
    }

    async fn into_router(mut self) -> io::Result<(HealthReporter, Router)> {
        let (health, health_service) = tonic_health::server::health_reporter();
        health
            .set_service_status("", ServingStatus::NotServing)
            .await;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        self.routes
            .add_service(health_service)
            .add_service(reflection().build_v1().map_err(io::Error::other)?)
            .add_service(reflection().build_v1alpha().map_err(io::Error::other)?);
        let grpc = self
            .routes
            .routes()
            .into_axum_router()
            .layer(CatchPanicLayer::custom(|_| panicked()))
            .layer(from_fn(honour))
            .layer(from_fn_with_state(self.authenticator, authorise))
            .layer(GrpcWebLayer::new());
        let router = self
            .http
            .route("/metrics", get(metrics))
            .route("/healthz", get(async || "ok\n"))
            .merge(grpc)
            .layer(from_fn(present))
            .layer(from_fn(telemetry::observe));
        let router = match self.guard {
            Some(allowed) => router.layer(from_fn_with_state(allowed, guard)),
            None => router,
        };
        Ok((health, router))
    }
}

async fn metrics() -> String {
    telemetry::prometheus()
        .map(metrics_exporter_prometheus::PrometheusHandle::render)
        .unwrap_or_default()
}

/// The panic itself is logged by the process's panic hook.
fn panicked() -> Response {
    let id = telemetry::current_request_id();
    Status::internal(format!(
        "internal error; the server's log has it under request id {id}"
    ))
    .into_http::<Body>()
}

fn connect(stream: TcpStream, router: Router, connections: &GracefulShutdown) {
    // Without it small answers wait some 40 ms for a delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it was served");
        return;
    }
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(10_000);
    let connection = builder
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .into_owned();
    let connection = Wakeful::new(connections.watch(connection));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error, "a connection ended with an error");
        }
    });
}
