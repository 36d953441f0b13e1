//! `herdbook tokens`.

use std::{io::Write as _, time::Duration};

use chrono::{DateTime, Utc};
use clap::Subcommand;
use herdbook_access::bootstrap_admin_token;
use herdbook_postgres::Database;
use herdbook_proto::{
    access::v1::{
        CreateTokenRequest, ListTokensRequest, RevokeTokenRequest, Token,
        access_service_client::AccessServiceClient,
    },
    common::v1::Role as ProtoRole,
    time::to_timestamp,
};

use super::workspaces::Role;
use crate::{cli::ClientOptions, connection::connect, exit::Failure, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a token and print its secret, which is shown this once.
    ///
    /// Example: herdbook tokens create ci-pipeline --name "nightly builds" --expires 2027-01-01T00:00:00Z
    Create {
        /// Whose token it is.
        #[arg(required_unless_present = "bootstrap")]
        principal: Option<String>,
        /// What it is used for.
        #[arg(long, default_value = "command line")]
        name: String,
        /// When it stops working (RFC 3339); never, if not given.
        #[arg(long, value_name = "TIME")]
        expires: Option<DateTime<Utc>>,
        /// The role it has at most; as much as its principal's, if not given.
        #[arg(long, value_enum)]
        role: Option<Role>,
        /// Make the first token of an installation, for its admin, straight in the database.
        #[arg(long, requires = "database_url")]
        bootstrap: bool,
        /// The database of the installation; a running `herdbook up` names its own in the ready file.
        #[arg(
            long,
            env = "HERDBOOK_DATABASE_URL",
            hide_env_values = true,
            value_name = "URL"
        )]
        database_url: Option<String>,
    },
    /// List tokens, newest first.
    ///
    /// Example: herdbook tokens list
    List,
    /// Revoke a token.
    ///
    /// Example: herdbook tokens revoke 0198c0de…
    Revoke {
        /// Its id.
        id: String,
    },
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    if let Command::Create {
        bootstrap: true,
        database_url: Some(url),
        ..
    } = &command
    {
        let database = Database::connect(url, "herdbook-tokens", Duration::ZERO).await;
        let database = database.map_err(Failure::failed)?;
        let secret = bootstrap_admin_token(&database)
            .await
            .map_err(Failure::failed)?;
        return Ok(writeln!(std::io::stdout(), "{secret}")?);
    }
    let mut client = AccessServiceClient::new(connect(&options).await?);
    match command {
        Command::Create {
            principal,
            name,
            expires,
            role,
            ..
        } => {
            let request = CreateTokenRequest {
                principal: principal.unwrap_or_default(),
                name,
                expires_at: expires.map(to_timestamp),
                role: role.map_or(0, i32::from),
            };
            let made = client.create_token(request).await?.into_inner();
            let name = "herdbook.access.v1.CreateTokenResponse";
            output::print(options.output, name, &made, |made| made.secret.clone())
        }
        Command::List => {
            let found = client.list_tokens(ListTokensRequest {}).await?.into_inner();
            let name = "herdbook.access.v1.ListTokensResponse";
            output::print(options.output, name, &found, |found| {
                let header = [
                    "id",
                    "name",
                    "principal",
                    "role",
                    "created",
                    "used",
                    "state",
                ];
                output::table(&header, found.tokens.iter().map(row))
            })
        }
        Command::Revoke { id } => {
            client.revoke_token(RevokeTokenRequest { id }).await?;
            Ok(())
        }
    }
}

fn row(token: &Token) -> Vec<String> {
    let expires = token.expires_at.as_ref();
    let expired = expires
        .and_then(herdbook_proto::time::from_timestamp)
        .is_some_and(|time| time <= Utc::now());
    let state = match (&token.revoked_at, expires) {
        (Some(revoked), _) => format!("revoked {}", output::ago(Some(revoked))),
        (None, Some(_)) if expired => "expired".to_owned(),
        (None, Some(time)) => format!("until {}", output::time(Some(time))),
        (None, None) => "valid".to_owned(),
    };
    let created = output::ago(token.created_at.as_ref());
    let role = match token.role() {
        ProtoRole::Unspecified => "its own".to_owned(),
        role => format!("at most {}", output::name(role.as_str_name(), "ROLE_")),
    };
    let used = match &token.last_used_at {
        Some(used) => output::ago(Some(used)),
        None => "never".to_owned(),
    };
    vec![
        token.id.clone(),
        token.name.clone(),
        token.principal.clone(),
        role,
        created,
        used,
        state,
    ]
}
