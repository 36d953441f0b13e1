//! A small identity provider: discovery, keys, and ID tokens with real signatures (Ed25519).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const CLIENT: &str = "herdbook";

/// What the provider will say of who signs in with a code.
#[derive(Clone)]
struct Grant {
    challenge: String,
    claims: Value,
}

struct Inner {
    issuer: String,
    grants: Mutex<HashMap<String, Grant>>,
    /// The key that signs; the last of those that are published, unless it is a forger's.
    keys: Mutex<Vec<SigningKey>>,
    forged: Mutex<Option<SigningKey>>,
}

#[derive(Clone)]
pub(crate) struct Provider(Arc<Inner>);

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self(Arc::new(Inner {
            issuer,
            grants: Mutex::default(),
            keys: Mutex::new(vec![new_key()]),
            forged: Mutex::new(None),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Somebody signs in at the page to which a browser was sent; the code and the state that it brings back.
    /// `claims` go into the ID token over those that it would have.
    pub(crate) fn sign_in(&self, page: &str, claims: &Value) -> (String, String) {
        let page = reqwest::Url::parse(page).unwrap();
        let asked: HashMap<_, _> = page.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let now = chrono::Utc::now().timestamp();
        let mut all = json!({
            "iss": self.0.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 60,
            "nonce": asked["nonce"], "email": "ana@example.com", "email_verified": true,
        });
        for (claim, value) in claims.as_object().unwrap() {
            all[claim] = value.clone();
        }
        let code = format!("code-{}", self.0.grants.lock().unwrap().len());
        let grant = Grant {
            challenge: asked["code_challenge"].clone(),
            claims: all,
        };
        self.0.grants.lock().unwrap().insert(code.clone(), grant);
        (code, asked["state"].clone())
    }

    /// Signs by a new key from now on, and publishes it beside the old.
    pub(crate) fn rotate(&self) {
        self.0.keys.lock().unwrap().push(new_key());
    }

    /// Signs by a key that is not published.
    pub(crate) fn forge(&self) {
        *self.0.forged.lock().unwrap() = Some(new_key());
    }
}

fn new_key() -> SigningKey {
    SigningKey::from_bytes(&rand::random())
}

fn id_of(key: &SigningKey) -> String {
    hex_of(&Sha256::digest(key.verifying_key().as_bytes())[..8])
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    let issuer = provider.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn keys(State(provider): State<Provider>) -> Json<Value> {
    let keys = provider.0.keys.lock().unwrap();
    let published: Vec<_> = keys
        .iter()
        .map(|key| {
            let x = BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
            json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id_of(key), "x": x })
        })
        .collect();
    Json(json!({ "keys": published }))
}

async fn token(State(provider): State<Provider>, body: String) -> Response {
    let asked: HashMap<_, _> = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    // A code is good once.
    let grant = provider.0.grants.lock().unwrap().remove(&asked["code"]);
    let verifier = asked.get("code_verifier").cloned().unwrap_or_default();
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let Some(grant) = grant.filter(|grant| grant.challenge == challenge) else {
        let refused = Json(json!({ "error": "invalid_grant" }));
        return (StatusCode::BAD_REQUEST, refused).into_response();
    };
    let forged = provider.0.forged.lock().unwrap().clone();
    let published = provider.0.keys.lock().unwrap().last().unwrap().clone();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(id_of(&published));
    let key = forged.unwrap_or(published).to_pkcs8_der().unwrap();
    let key = EncodingKey::from_ed_der(key.as_bytes());
    let id_token = encode(&header, &grant.claims, &key).unwrap();
    Json(json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token }))
        .into_response()
}
