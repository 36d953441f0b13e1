//! How every service is called: the server (gRPC, gRPC-web and HTTP on one port), the layers each
//! request passes, who the caller is, and channels between services.

mod auth;
mod browser;
mod caller;
mod deadline;
mod methods;
mod peer;
mod server;
mod session;
mod status;
mod telemetry;
mod wakeful;

pub use auth::{
    ASSERTION, AuthFuture, Authenticate, FixedCaller, RoleFuture, Roles, Unauthorized, WORKSPACE,
};
pub use browser::BrowserGuard;
pub use caller::{Caller, Role};
pub use peer::{Assertions, CallerChannel, PeerChannel};
pub use server::Server;
pub use session::session_cookie;
pub use status::{answer, connection_error, status};
pub use tonic::service::RoutesBuilder;
pub use wakeful::Wakeful;

/// Wraps a generated server with the settings that all of ours share: compression on request and the
/// message limit.
#[macro_export]
macro_rules! configured {
    ($server:expr) => {
        $server
            .accept_compressed(::tonic::codec::CompressionEncoding::Zstd)
            .accept_compressed(::tonic::codec::CompressionEncoding::Gzip)
            // Only those that ask for zstd get it: gzip is asked for by default in some languages,
            // and costs more than a fast network saves.
            .send_compressed(::tonic::codec::CompressionEncoding::Zstd)
            .max_decoding_message_size(::herdbook_core::limits::MESSAGE_BYTES)
            .max_encoding_message_size(::herdbook_core::limits::MESSAGE_BYTES)
    };
}
