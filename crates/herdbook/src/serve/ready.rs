//! When the server is ready, and how others learn of it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::exit::Failure;

/// How long a server that listens may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until the health of the server at `address` is SERVING.
pub(super) async fn wait(address: SocketAddr) -> Result<(), Failure> {
    let mut reachable = address;
    if address.ip().is_unspecified() {
        // To itself, a server on all addresses is on loopback.
        reachable.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let endpoint = Endpoint::from_shared(format!("http://{reachable}")).map_err(Failure::failed)?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Ok(channel) = endpoint.connect().await {
            let request = HealthCheckRequest {
                service: String::new(),
            };
            let answer = HealthClient::new(channel).check(request).await;
            if answer.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving) {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(Failure::failed("the server did not become ready"))
}

/// A file that is there for as long as the server is.
pub(super) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes it in one step, so that nobody reads half of it.
    pub(super) fn write(path: &Path, address: SocketAddr, database: &str) -> Result<Self, Failure> {
        let content = serde_json::json!({
            "address": address.to_string(),
            "pid": std::process::id(),
            "database": database,
        });
        let written = || {
            let beside = path.with_extension("writing");
            fs::write(&beside, format!("{content}\n"))?;
            fs::rename(&beside, path)
        };
        written().map_err(|error| {
            Failure::failed(format!(
                "the ready file {} cannot be written: {error}",
                path.display()
            ))
        })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.0);
    }
}
