//! The server as any caller meets it, with a small service of the contract behind it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use futures::StreamExt as _;
use herdbook_core::{Code as ErrorCode, Details, ServiceError, WorkspaceId};
use herdbook_proto::registry::v1::{
    self as proto,
    check_service_client::CheckServiceClient,
    check_service_server::{CheckService, CheckServiceServer},
};
use herdbook_rpc::{BrowserGuard, FixedCaller, Role, RoutesBuilder, Server, configured, status};
use herdbook_testkit::{
    grpc::{reason, serve},
    wait_until,
};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

/// Fails with a password in its words, which must not get out.
#[derive(Debug, thiserror::Error)]
#[error("password=hunter2")]
struct Secret;

impl ServiceError for Secret {
    fn code(&self) -> ErrorCode {
        ErrorCode::Internal
    }

    fn reason(&self) -> &'static str {
        "INTERNAL"
    }

    fn details(&self) -> Details {
        Details::default()
    }
}

/// Panics, fails, waits or answers, as the model asked for says.
struct Probe;

#[tonic::async_trait]
impl CheckService for Probe {
    async fn list_checks(
        &self,
        request: Request<proto::ListChecksRequest>,
    ) -> Result<Response<proto::ListChecksResponse>, Status> {
        match request.get_ref().model.as_str() {
            "panic" => panic!("password=hunter2"),
            "fail" => Err(status(Secret)),
            "wait" => std::future::pending().await,
            _ => Ok(Response::new(proto::ListChecksResponse::default())),
        }
    }

    async fn report_check(
        &self,
        _: Request<proto::ReportCheckRequest>,
    ) -> Result<Response<proto::ReportCheckResponse>, Status> {
        Ok(Response::new(proto::ReportCheckResponse::default()))
    }
}

fn routes() -> RoutesBuilder {
    let mut routes = RoutesBuilder::default();
    routes.add_service(configured!(CheckServiceServer::new(Probe)));
    routes
}

async fn client(role: Role) -> (CheckServiceClient<Channel>, CancellationToken) {
    let shutdown = CancellationToken::new();
    let caller = Arc::new(FixedCaller::new("ana", WorkspaceId(1), role));
    (
        CheckServiceClient::new(serve(routes(), caller, &shutdown).await),
        shutdown,
    )
}

fn ask(model: &str) -> proto::ListChecksRequest {
    proto::ListChecksRequest {
        model: model.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_panic_and_an_internal_error_tell_nothing_but_the_request_id() {
    let (mut client, _shutdown) = client(Role::Viewer).await;
    for model in ["panic", "fail"] {
        let mut request = Request::new(ask(model));
        request
            .metadata_mut()
            .insert("x-request-id", "r-17".parse().unwrap());
        let refused = client.list_checks(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Internal);
        assert!(
            refused.message().contains("request id r-17"),
            "{}",
            refused.message()
        );
        assert!(!format!("{refused:?}").contains("hunter2"));
    }
    let answer = client.list_checks(ask("x")).await.unwrap();
    assert!(
        answer.metadata().contains_key("x-request-id"),
        "one is made where none is sent"
    );
}

#[tokio::test]
async fn a_role_that_is_too_low_is_refused_before_the_service_is_asked() {
    let (mut client, _shutdown) = client(Role::Viewer).await;
    client.list_checks(ask("x")).await.unwrap();
    let refused = client
        .report_check(proto::ReportCheckRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::PermissionDenied, "ROLE_TOO_LOW".into())
    );
    let details = refused.get_error_details();
    assert_eq!(
        details.error_info().unwrap().metadata["needed"],
        "contributor"
    );
}

#[tokio::test]
async fn a_message_over_the_limit_names_it() {
    let (mut client, _shutdown) = client(Role::Viewer).await;
    let refused = client
        .list_checks(ask(&"x".repeat(17 << 20)))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert!(
        refused.message().contains("16777216"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn health_says_when_the_server_stops_and_open_calls_end() {
    let shutdown = CancellationToken::new();
    let caller = Arc::new(FixedCaller::new("ana", WorkspaceId(1), Role::Viewer));
    let channel = serve(routes(), caller, &shutdown).await;
    let mut health = HealthClient::new(channel);
    let request = || HealthCheckRequest {
        service: String::new(),
    };
    let answer = wait_until("health answers", async || {
        health.check(request()).await.ok()
    })
    .await;
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
    let mut watch = health.watch(request()).await.unwrap().into_inner();
    assert_eq!(
        watch.next().await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    shutdown.cancel();
    assert_eq!(
        watch.next().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
}

/// Sends a plain HTTP/1.1 request.
async fn send(
    address: &str,
    request: http::request::Builder,
    body: &'static [u8],
) -> http::Response<hyper::body::Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = request
        .body(Full::new(bytes::Bytes::from_static(body)))
        .unwrap();
    sender.send_request(request).await.unwrap()
}

/// The same; the status and the body.
async fn http(
    address: &str,
    request: http::request::Builder,
    body: &'static [u8],
) -> (u16, Vec<u8>) {
    let response = send(address, request, body).await;
    let status = response.status().as_u16();
    (
        status,
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
}

#[tokio::test]
async fn browsers_speak_grpc_web_on_the_same_port_and_strangers_pages_do_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let caller = Arc::new(FixedCaller::new("ana", WorkspaceId(1), Role::Viewer));
    let server = Server::new(routes(), caller).browser_guard(BrowserGuard::default());
    let shutdown = CancellationToken::new();
    tokio::spawn(server.serve(listener, shutdown.clone()));
    let _stop = shutdown.drop_guard();

    let call = || {
        http::Request::post("/herdbook.registry.v1.CheckService/ListChecks")
            .header("content-type", "application/grpc-web+proto")
            .header("x-grpc-web", "1")
    };
    // A frame of an empty message.
    let (code, body) = http(&address, call().header("host", "localhost"), &[0; 5]).await;
    assert_eq!(code, 200);
    assert!(
        String::from_utf8_lossy(&body).contains("grpc-status:0"),
        "{body:?}"
    );
    let foreign = call()
        .header("host", "localhost")
        .header("origin", "https://evil.example");
    assert_eq!(http(&address, foreign, &[0; 5]).await.0, 403);
    assert_eq!(
        http(&address, call().header("host", "evil.example"), &[0; 5])
            .await
            .0,
        403
    );

    // The server itself ends a call whose deadline passed, whatever the client does.
    let waiting = call()
        .header("host", "localhost")
        .header("grpc-timeout", "20m");
    let response = send(&address, waiting, b"\0\0\0\0\x06\x0a\x04wait").await;
    let deadline_exceeded = Code::DeadlineExceeded as i32;
    assert_eq!(
        response.headers()["grpc-status"],
        deadline_exceeded.to_string()
    );

    let get = |path: &str| http::Request::get(path).header("host", "127.0.0.1");
    assert_eq!(
        http(&address, get("/healthz"), b"").await,
        (200, b"ok\n".to_vec())
    );
    let (code, metrics) = http(&address, get("/metrics"), b"").await;
    let metrics = String::from_utf8(metrics).unwrap();
    assert_eq!(code, 200);
    assert!(
        metrics.contains(
            "herdbook_requests_total{method=\"/herdbook.registry.v1.CheckService/ListChecks\""
        ),
        "{metrics}"
    );
}
