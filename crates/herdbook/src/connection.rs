//! The way to the server.

use herdbook_client::Credentials;
use tonic::{Status, service::interceptor::InterceptedService, transport::Endpoint};

use crate::{cli::ClientOptions, exit::Failure};

pub(crate) use herdbook_client::Connection;

/// Connects to the server that the options name.
pub(crate) async fn connect(options: &ClientOptions) -> Result<Connection, Failure> {
    let server = &options.server;
    let endpoint = herdbook_client::endpoint(server, options.ca_file.as_deref());
    let endpoint = endpoint.map_err(Failure::usage)?;
    let channel = endpoint.connect().await.map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Failure::from(Status::unavailable(format!(
            "no Herdbook answers at {server} ({cause}); start one with `herdbook up`, or name another \
             with --server"
        )))
    })?;
    let credentials = Credentials::new(options.token.as_deref(), options.workspace.as_deref());
    let credentials = credentials.map_err(Failure::usage)?;
    Ok(InterceptedService::new(channel, credentials))
}

/// An endpoint for `url`; a bare `host:port` is taken for `http://`.
pub(crate) fn endpoint(url: &str) -> Result<Endpoint, Failure> {
    herdbook_client::endpoint(url, None).map_err(Failure::usage)
}
