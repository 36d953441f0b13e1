//! The way to the server.

use std::{fs, path::Path, time::Duration};

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use crate::ClientError;

/// A channel whose calls carry the token and the workspace.
pub type Connection = InterceptedService<Channel, Credentials>;

/// What each call carries.
#[derive(Clone)]
pub struct Credentials {
    token: Option<MetadataValue<Ascii>>,
    workspace: Option<MetadataValue<Ascii>>,
}

impl Credentials {
    /// Credentials of a token and for a workspace; without a token for a server that asks for none,
    /// and without a workspace for the one that the server chooses.
    ///
    /// # Errors
    ///
    /// If one of them has characters that a header cannot have.
    pub fn new(token: Option<&str>, workspace: Option<&str>) -> Result<Self, ClientError> {
        let value = |option: &'static str, text: String| {
            text.parse().map_err(|_| ClientError::Option {
                option,
                problem: "has characters that it cannot have".to_owned(),
            })
        };
        let token = token.map(|token| value("the token", format!("Bearer {token}")));
        let workspace = workspace.map(|name| value("the workspace", name.to_owned()));
        Ok(Self {
            token: token.transpose()?,
            workspace: workspace.transpose()?,
        })
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the token.
        f.debug_struct("Credentials")
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
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

/// An endpoint for `url`; a bare `host:port` is taken for `http://`. With `ca_file`, certificates in PEM, an `https://`
/// server must be signed by one of those instead of the system's.
///
/// # Errors
///
/// If `url` is not the address of a server, or the file cannot be read.
pub fn endpoint(url: &str, ca_file: Option<&Path>) -> Result<Endpoint, ClientError> {
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    let invalid = |_| ClientError::Option {
        option: "the server",
        problem: format!("cannot be {url}; give an address such as http://127.0.0.1:5757"),
    };
    let mut endpoint = Endpoint::from_shared(url.clone()).map_err(invalid)?;
    if url.starts_with("https://") {
        let tls = match ca_file {
            None => ClientTlsConfig::new().with_native_roots(),
            Some(path) => {
                let pem = fs::read(path).map_err(|error| ClientError::File {
                    path: path.to_owned(),
                    problem: error.to_string(),
                })?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
        };
        endpoint = endpoint.tls_config(tls).map_err(invalid)?;
    }
    Ok(endpoint
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_while_idle(true))
}
