//! The way to the server.

use std::time::Duration;

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{cli::ClientOptions, exit::Failure};

/// A channel whose calls carry the token and the workspace.
pub(crate) type Connection = InterceptedService<Channel, Credentials>;

/// What each call carries.
#[derive(Clone)]
pub(crate) struct Credentials {
    token: Option<MetadataValue<Ascii>>,
    workspace: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        if let Some(workspace) = &self.workspace {
            request
                .metadata_mut()
                .insert("herdbook-workspace", workspace.clone());
        }
        Ok(request)
    }
}

/// Connects to the server that the options name.
pub(crate) async fn connect(options: &ClientOptions) -> Result<Connection, Failure> {
    let server = &options.server;
    let endpoint = endpoint(server)?;
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
    let value = |name: &str, text: String| {
        text.parse()
            .map_err(|_| Failure::usage(format!("the {name} has characters it cannot have")))
    };
    let token = options
        .token
        .as_ref()
        .map(|token| value("token", format!("Bearer {token}")));
    let workspace = options
        .workspace
        .as_ref()
        .map(|name| value("workspace", name.clone()));
    let credentials = Credentials {
        token: token.transpose()?,
        workspace: workspace.transpose()?,
    };
    Ok(InterceptedService::new(channel, credentials))
}

/// An endpoint for `url`; a bare `host:port` is taken for `http://`.
pub(crate) fn endpoint(url: &str) -> Result<Endpoint, Failure> {
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    let invalid = || Failure::usage(format!("{url} is not the address of a server"));
    Ok(Endpoint::from_shared(url.clone())
        .map_err(|_| invalid())?
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_while_idle(true))
}
