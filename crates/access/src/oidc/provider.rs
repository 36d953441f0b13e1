//! The identity provider: what it publishes, where it sends browsers, and what it says about who they are.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use openidconnect::{
    AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
        CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{
    Begun, OidcSettings, SignInError, SignedIn,
    http::Http,
    roles::roles_of,
    ticket::{Ticket, Tickets},
};
use crate::{
    AccessError,
    secret::Secret,
    store::{Store, sessions::Identity},
};

/// How long what the provider publishes is believed: its keys change.
const TRUST: Duration = Duration::from_secs(3600);
/// The page of ours to which the provider sends browsers back.
pub(crate) const CALLBACK: &str = "/session/oidc/callback";

/// Claims beyond those of the standard, such as groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Others(HashMap<String, Value>);

impl AdditionalClaims for Others {}

type IdFields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type OidcClient = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<IdFields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

/// The identity provider of an installation.
pub(crate) struct Provider {
    settings: OidcSettings,
    http: Http,
    tickets: Arc<Tickets>,
    published: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

impl Provider {
    pub(crate) fn new(settings: OidcSettings, tickets: Arc<Tickets>) -> Result<Self, SignInError> {
        Ok(Self {
            settings,
            http: Http::new().map_err(|error| SignInError::Provider(error.into()))?,
            tickets,
            published: Mutex::new(None),
        })
    }

    pub(crate) fn display_name(&self) -> &str {
        &self.settings.display_name
    }

    /// Whether browsers come to us by TLS.
    pub(crate) fn is_behind_tls(&self) -> bool {
        self.settings.public_url.starts_with("https://")
    }

    /// Sends a browser to the provider, to come back to the page `return_to`.
    pub(crate) async fn begin(&self, return_to: &str) -> Result<Begun, SignInError> {
        let client = self.client(TRUST).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        );
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let ticket = self.tickets.sign(Ticket {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            return_to: own_page(return_to).to_owned(),
        });
        Ok(Begun {
            url: url.into(),
            ticket: ticket.map_err(|error| SignInError::Provider(error.into()))?,
        })
    }

    /// Takes a browser back: `code` and `state` are the provider's, `ticket` is what it had from us.
    pub(crate) async fn finish(
        &self,
        store: &Store,
        code: &str,
        state: &str,
        ticket: &str,
    ) -> Result<SignedIn, AccessError> {
        let ticket = self.tickets.check(ticket).ok_or(SignInError::Stale)?;
        if ticket.state != state {
            return Err(SignInError::Stale.into());
        }
        let person = self.person(code, &ticket).await?;
        let roles = roles_of(&self.settings.roles, &person.groups);
        let mut decided: Vec<String> = self
            .settings
            .roles
            .iter()
            .map(|rule| rule.workspace.clone())
            .collect();
        decided.sort();
        decided.dedup();
        let identity = Identity {
            issuer: &self.settings.issuer,
            subject: &person.subject,
            name: &person.name,
            roles: &roles,
            decided: &decided,
        };
        let secret = Secret::of_session();
        store
            .sign_in(&identity, &secret, self.settings.session)
            .await?;
        Ok(SignedIn {
            secret: secret.reveal(),
            return_to: ticket.return_to,
        })
    }

    /// Who the provider says it is.
    async fn person(&self, code: &str, ticket: &Ticket) -> Result<Person, SignInError> {
        let unreadable =
            |error: Box<dyn std::error::Error + Send + Sync>| SignInError::Provider(error);
        let client = self.client(TRUST).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| unreadable(error.into()))?
            .set_pkce_verifier(PkceCodeVerifier::new(ticket.verifier.clone()))
            .request_async(&self.http)
            .await;
        let answer = answer.map_err(|error| match error {
            openidconnect::RequestTokenError::ServerResponse(said) => {
                SignInError::Refused(said.to_string())
            }
            other => unreadable(other.to_string().into()),
        })?;
        let word = answer
            .id_token()
            .ok_or_else(|| SignInError::NotBelieved("there is no ID token".into()))?;
        let nonce = Nonce::new(ticket.nonce.clone());
        let claims = match word.claims(&client.id_token_verifier(), &nonce) {
            Ok(claims) => claims.clone(),
            Err(_) => {
                // The provider may sign with a key that it has published since.
                let client = self.client(Duration::ZERO).await?;
                let claims = word.claims(&client.id_token_verifier(), &nonce);
                claims
                    .map_err(|error| SignInError::NotBelieved(error.into()))?
                    .clone()
            }
        };
        let all = serde_json::to_value(&claims).map_err(|error| unreadable(error.into()))?;
        self.read(claims.subject().as_str(), &all)
    }

    /// The person whom claims describe.
    fn read(&self, subject: &str, claims: &Value) -> Result<Person, SignInError> {
        let OidcSettings {
            name_claim,
            groups_claim,
            ..
        } = &self.settings;
        let name = claims.get(name_claim).and_then(Value::as_str);
        let name = name.filter(|name| herdbook_core::check_name(name).is_ok());
        let name = name.ok_or_else(|| SignInError::NoName(name_claim.clone()))?;
        let verified = claims.get("email_verified").and_then(Value::as_bool);
        if name_claim == "email" && verified != Some(true) {
            return Err(SignInError::NotVerified(name.to_owned()));
        }
        let groups = match claims.get(groups_claim) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(group)) => vec![group.as_str()],
            _ => Vec::new(),
        };
        Ok(Person {
            subject: subject.to_owned(),
            name: name.to_owned(),
            groups: groups.into_iter().map(str::to_owned).collect(),
        })
    }

    /// A client of what the provider has published no longer than `trust` ago.
    async fn client(&self, trust: Duration) -> Result<OidcClient, SignInError> {
        let metadata = self.published(trust).await?;
        let settings = &self.settings;
        let callback = format!("{}{CALLBACK}", settings.public_url.trim_end_matches('/'));
        let callback =
            RedirectUrl::new(callback).map_err(|error| SignInError::Provider(error.into()))?;
        let client = Client::from_provider_metadata(
            metadata,
            ClientId::new(settings.client_id.clone()),
            settings.client_secret.clone().map(ClientSecret::new),
        );
        Ok(client.set_redirect_uri(callback))
    }

    async fn published(&self, trust: Duration) -> Result<CoreProviderMetadata, SignInError> {
        let mut published = self.published.lock().await;
        if let Some((at, metadata)) = published.as_ref()
            && at.elapsed() < trust
        {
            return Ok(metadata.clone());
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone())
            .map_err(|error| SignInError::Provider(error.into()))?;
        let found = CoreProviderMetadata::discover_async(issuer, &self.http).await;
        let found = found.map_err(|error| SignInError::Provider(error.to_string().into()))?;
        *published = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

/// Somebody, as the provider describes them.
struct Person {
    subject: String,
    name: String,
    groups: Vec<String>,
}

/// An address of ours, or the first page instead of any other: a link must lead nobody to a stranger.
fn own_page(return_to: &str) -> &str {
    let plain = return_to.starts_with('/') && !return_to.contains(['\\', '\r', '\n', '\t']);
    match plain && !return_to.starts_with("//") && return_to.len() < 2_000 {
        true => return_to,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn nobody_is_led_to_a_stranger() {
        assert_eq!(own_page("/runs/1?q=a#b"), "/runs/1?q=a#b");
        for foreign in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "runs",
            "",
        ] {
            assert_eq!(own_page(foreign), "/", "{foreign}");
        }
    }
}
