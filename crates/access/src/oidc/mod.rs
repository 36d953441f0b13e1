//! Signing in by an identity provider: OpenID Connect Core 1.0, the authorization code flow with PKCE
//! (RFC 7636). What the browser carries between the two pages of the provider is signed by us and kept
//! nowhere else, so that any replica can finish what another began.

mod http;
mod provider;
mod roles;
mod ticket;

use std::time::Duration;

use herdbook_core::{Code, ServiceError};

pub(crate) use provider::Provider;
pub use roles::{GroupRole, InvalidGroupRole};
pub(crate) use ticket::Tickets;

/// What is decided about the identity provider.
#[derive(Clone)]
pub struct OidcSettings {
    /// The address under which it publishes what it is: `/.well-known/openid-configuration` is below.
    pub issuer: String,
    /// What it knows Herdbook by.
    pub client_id: String,
    /// What Herdbook proves that by, if it is not a public client.
    pub client_secret: Option<String>,
    /// The address of Herdbook as browsers have it, such as `https://herdbook.example.com`.
    pub public_url: String,
    /// What the page calls it.
    pub display_name: String,
    /// The claim that names a person here. It must be one that people cannot choose for themselves.
    pub name_claim: String,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// Scopes that are asked for besides `openid`.
    pub scopes: Vec<String>,
    /// What groups give.
    pub roles: Vec<GroupRole>,
    /// How long a session lives.
    pub session: Duration,
}

impl std::fmt::Debug for OidcSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            issuer, client_id, ..
        } = self;
        write!(
            f,
            "OidcSettings {{ issuer: {issuer:?}, client_id: {client_id:?}, … }}"
        )
    }
}

/// Where a browser is sent to sign in, and what it brings back.
#[derive(Debug)]
pub struct Begun {
    /// The page of the provider.
    pub url: String,
    /// What the browser must bring back, besides what the provider gives it.
    pub ticket: String,
}

/// A browser that has signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The secret of its session.
    pub secret: String,
    /// The page of ours that it came from.
    pub return_to: String,
}

/// Why signing in by the identity provider did not work.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// None is set up.
    #[error("this server has no identity provider; sign in with a token")]
    NotConfigured,
    /// It cannot be reached, or answers what cannot be read.
    #[error(
        "the identity provider does not answer as it should; try again, or sign in with a token"
    )]
    Provider(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused, in its own words.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// What came back belongs to no sign-in that this browser began of late.
    #[error("this sign-in was not begun in this browser within the last minutes; begin again")]
    Stale,
    /// Its word cannot be believed.
    #[error(
        "the identity provider's answer cannot be believed; begin again, and tell an admin if it stays so"
    )]
    NotBelieved(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not say who it is.
    #[error(
        "the identity provider does not give the claim {0:?}, by which people are named here; ask an admin"
    )]
    NoName(String),
    /// Their address is not checked.
    #[error(
        "the identity provider has not verified the address {0}; verify it there, then sign in again"
    )]
    NotVerified(String),
    /// The name is somebody else's.
    #[error("the name {0:?} is somebody else's here; ask an admin")]
    NameTaken(String),
    /// They have no role anywhere.
    #[error("{0} has no role in any workspace yet; ask an admin for one")]
    NoRole(String),
}

impl ServiceError for SignInError {
    fn code(&self) -> Code {
        match self {
            Self::NotConfigured => Code::NotFound,
            Self::Provider(_) => Code::Unavailable,
            Self::Refused(_) | Self::Stale | Self::NotBelieved(_) => Code::Unauthenticated,
            Self::NoName(_) | Self::NotVerified(_) | Self::NameTaken(_) | Self::NoRole(_) => {
                Code::PermissionDenied
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotConfigured => "OIDC_NOT_CONFIGURED",
            Self::Provider(_) => "OIDC_PROVIDER_UNAVAILABLE",
            Self::Refused(_) => "OIDC_REFUSED",
            Self::Stale => "OIDC_STALE",
            Self::NotBelieved(_) => "OIDC_NOT_BELIEVED",
            Self::NoName(_) => "OIDC_NO_NAME",
            Self::NotVerified(_) => "OIDC_NOT_VERIFIED",
            Self::NameTaken(_) => "OIDC_NAME_TAKEN",
            Self::NoRole(_) => "OIDC_NO_ROLE",
        }
    }
}
