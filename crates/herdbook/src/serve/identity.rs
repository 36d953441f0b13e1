//! Options of signing in by an identity provider.

use std::{fs, path::PathBuf};

use clap::Args;
use herdbook_access::{AuthMode, GroupRole, OidcSettings};

use crate::exit::Failure;

/// Signing in to the web app by OpenID Connect.
#[derive(Debug, Args)]
#[command(next_help_heading = "Identity provider")]
pub(super) struct IdentityOptions {
    /// Address of an OpenID Connect provider by which people sign in to the web app, such as
    /// https://login.example.com/realms/ml. Needs --auth required.
    #[arg(long, env = "HERDBOOK_OIDC_ISSUER", value_name = "URL", requires_all = ["oidc_client_id", "public_url"])]
    oidc_issuer: Option<String>,
    /// What the provider knows Herdbook by.
    #[arg(long, env = "HERDBOOK_OIDC_CLIENT_ID", value_name = "ID")]
    oidc_client_id: Option<String>,
    /// File with the client's secret; without one Herdbook is a public client, which PKCE protects.
    #[arg(long, env = "HERDBOOK_OIDC_CLIENT_SECRET_FILE", value_name = "FILE")]
    oidc_client_secret_file: Option<PathBuf>,
    /// Address of Herdbook as browsers have it; the provider must allow ADDRESS/session/oidc/callback.
    #[arg(long, env = "HERDBOOK_PUBLIC_URL", value_name = "ADDRESS")]
    public_url: Option<String>,
    /// What the page calls the provider.
    #[arg(
        long,
        env = "HERDBOOK_OIDC_NAME",
        default_value = "single sign-on",
        value_name = "NAME"
    )]
    oidc_name: String,
    /// The claim by which people are named here. It must be one that nobody can choose for themselves; an
    /// email must be verified.
    #[arg(
        long,
        env = "HERDBOOK_OIDC_NAME_CLAIM",
        default_value = "email",
        value_name = "CLAIM"
    )]
    oidc_name_claim: String,
    /// The claim that lists the groups of a person.
    #[arg(
        long,
        env = "HERDBOOK_OIDC_GROUPS_CLAIM",
        default_value = "groups",
        value_name = "CLAIM"
    )]
    oidc_groups_claim: String,
    /// Scopes to ask for besides openid.
    #[arg(
        long,
        env = "HERDBOOK_OIDC_SCOPES",
        default_value = "email,profile",
        value_delimiter = ',',
        value_name = "SCOPE"
    )]
    oidc_scopes: Vec<String>,
    /// What a group gives, such as ml-team=contributor@risk-ml; without @WORKSPACE in default. Followed at
    /// each sign-in; roles that an admin gave stay. May be repeated, or separated by `;`.
    #[arg(
        long = "oidc-role",
        env = "HERDBOOK_OIDC_ROLES",
        value_delimiter = ';',
        value_name = "GROUP=ROLE[@WORKSPACE]"
    )]
    oidc_roles: Vec<GroupRole>,
    /// How long one stays signed in, such as 12h.
    #[arg(
        long,
        env = "HERDBOOK_OIDC_SESSION",
        default_value = "12h",
        value_name = "TIME"
    )]
    oidc_session: humantime::Duration,
}

impl IdentityOptions {
    pub(super) fn settings(&self, auth: AuthMode) -> Result<Option<OidcSettings>, Failure> {
        let (Some(issuer), Some(client_id), Some(public_url)) =
            (&self.oidc_issuer, &self.oidc_client_id, &self.public_url)
        else {
            return Ok(None);
        };
        if auth == AuthMode::Local {
            return Err(Failure::usage(
                "--oidc-issuer: without --auth required everybody is let in, and nobody needs to sign in",
            ));
        }
        Ok(Some(OidcSettings {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: self.client_secret()?,
            public_url: public_url.clone(),
            display_name: self.oidc_name.clone(),
            name_claim: self.oidc_name_claim.clone(),
            groups_claim: self.oidc_groups_claim.clone(),
            scopes: self.oidc_scopes.clone(),
            roles: self.oidc_roles.clone(),
            session: self.oidc_session.into(),
        }))
    }

    fn client_secret(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.oidc_client_secret_file else {
            return Ok(None);
        };
        let secret = fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            Failure::usage(format!("--oidc-client-secret-file: {path} {error}"))
        })?;
        Ok(Some(secret.trim().to_owned()))
    }
}
