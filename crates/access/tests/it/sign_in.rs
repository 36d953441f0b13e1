//! Signing in by an identity provider.

use std::time::Duration;

use herdbook_access::{Access, AccessError, AuthMode, Begun, OidcSettings, SignedIn};
use herdbook_core::ServiceError as _;
use herdbook_proto::{
    access::v1::{
        AccessAction, CreatePrincipalRequest, CreateWorkspaceRequest, GrantRoleRequest,
        ListAccessChangesRequest, ListWorkspacesRequest, PrincipalKind, RevokeRoleRequest,
    },
    common::v1::Role,
};
use herdbook_testkit::grpc::reason;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, bearer, database, serve_access, with},
    provider::{CLIENT, Provider},
};

fn settings(provider: &Provider) -> OidcSettings {
    OidcSettings {
        issuer: provider.issuer().to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Some("hush".to_owned()),
        public_url: "http://127.0.0.1:5757/".to_owned(),
        display_name: "Example".to_owned(),
        name_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        scopes: vec!["email".to_owned()],
        roles: ["ml=contributor", "leads=admin", "risk=approver@risk-ml"]
            .map(|rule| rule.parse().unwrap())
            .to_vec(),
        session: Duration::from_secs(600),
    }
}

/// An installation with the workspace `risk-ml`, where people sign in by a provider. Without a token everybody
/// is its local admin.
async fn start_with(change: impl FnOnce(&mut OidcSettings)) -> (Cluster, Provider) {
    let provider = Provider::start().await;
    let database = database().await;
    let mut settings = settings(&provider);
    change(&mut settings);
    let access = Access::start(&database, AuthMode::Local).await.unwrap();
    let access = access.with_identity_provider(settings).unwrap();
    let cluster = serve_access(database, access).await;
    let request = CreateWorkspaceRequest {
        name: "risk-ml".to_owned(),
        ..Default::default()
    };
    cluster.client().create_workspace(request).await.unwrap();
    (cluster, provider)
}

async fn start() -> (Cluster, Provider) {
    start_with(|_| ()).await
}

impl Cluster {
    async fn sign_in(&self, provider: &Provider, claims: Value) -> Result<SignedIn, AccessError> {
        let Begun { url, ticket } = self.access.begin_sign_in("/runs/1").await.unwrap();
        let (code, state) = provider.sign_in(&url, &claims);
        self.access.finish_sign_in(&code, &state, &ticket).await
    }

    /// Name and role of a session in a workspace, or why it has none.
    async fn session(&self, session: &SignedIn, workspace: &str) -> Result<(String, Role), String> {
        let secret = bearer(&session.secret);
        let mut metadata = vec![("authorization", &*secret)];
        if !workspace.is_empty() {
            metadata.push(("herdbook-workspace", workspace));
        }
        match self.whoami(&metadata).await {
            Ok(caller) => Ok((caller.principal.clone(), caller.role())),
            Err(refused) => Err(reason(&refused).1),
        }
    }
}

fn reason_of(result: Result<SignedIn, AccessError>) -> &'static str {
    result.unwrap_err().reason()
}

#[tokio::test]
async fn groups_give_roles_in_several_workspaces_by_one_session() {
    let (cluster, provider) = start().await;
    let claims = json!({ "groups": ["ml", "risk", "others"] });
    let session = cluster.sign_in(&provider, claims).await.unwrap();
    assert!(session.secret.starts_with("hbs_"));
    assert_eq!(session.return_to, "/runs/1");
    let ana = |role| Ok(("ana@example.com".to_owned(), role));
    assert_eq!(cluster.session(&session, "").await, ana(Role::Contributor));
    assert_eq!(
        cluster.session(&session, "risk-ml").await,
        ana(Role::Approver)
    );
    let unknown = cluster.session(&session, "nothing").await;
    assert_eq!(unknown.unwrap_err(), "WORKSPACE_NOT_FOUND");
    let secret = bearer(&session.secret);
    let request = with(ListWorkspacesRequest {}, &[("authorization", &secret)]);
    let found = cluster.client().list_workspaces(request).await.unwrap();
    assert_eq!(found.into_inner().workspaces.len(), 2);

    // Groups that are left take their roles along, at the next sign-in; the subject stays the same person.
    let claims = json!({ "groups": ["leads"], "email": "ana.ruiz@example.com" });
    let session = cluster.sign_in(&provider, claims).await.unwrap();
    assert_eq!(cluster.session(&session, "").await, ana(Role::Admin));
    let gone = cluster.session(&session, "risk-ml").await;
    assert_eq!(gone.unwrap_err(), "WORKSPACE_NOT_FOUND");
    let found = cluster
        .client()
        .list_access_changes(ListAccessChangesRequest::default())
        .await
        .unwrap();
    let changes = found.into_inner().changes;
    assert_eq!(changes[0].action(), AccessAction::GrantRole);
    assert_eq!(changes[0].role(), Role::Admin);
}

#[tokio::test]
async fn what_an_admin_gave_stays_whatever_the_groups() {
    let (cluster, provider) = start().await;
    let claims = || json!({ "groups": ["ml"] });
    cluster.sign_in(&provider, claims()).await.unwrap();
    let grant = GrantRoleRequest {
        principal: "ana@example.com".to_owned(),
        role: Role::Viewer.into(),
    };
    cluster.client().grant_role(grant).await.unwrap();
    for claims in [claims(), json!({ "groups": [] })] {
        let session = cluster.sign_in(&provider, claims).await.unwrap();
        assert_eq!(cluster.session(&session, "").await.unwrap().1, Role::Viewer);
    }
}

#[tokio::test]
async fn a_session_ends_by_signing_out_and_with_the_role() {
    let (cluster, provider) = start().await;
    let claims = json!({ "groups": ["ml"] });
    let one = cluster.sign_in(&provider, claims.clone()).await.unwrap();
    let other = cluster.sign_in(&provider, claims).await.unwrap();
    cluster.session(&one, "").await.unwrap();
    cluster.access.sign_out(&one.secret).await.unwrap();
    assert_eq!(
        cluster.session(&one, "").await.unwrap_err(),
        "SESSION_EXPIRED"
    );
    cluster.session(&other, "").await.unwrap();
    let revoke = RevokeRoleRequest {
        principal: "ana@example.com".to_owned(),
    };
    cluster.client().revoke_role(revoke).await.unwrap();
    assert_eq!(
        cluster.session(&other, "").await.unwrap_err(),
        "WORKSPACE_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_session_has_an_end() {
    let (cluster, provider) = start_with(|settings| settings.session = Duration::ZERO).await;
    let claims = json!({ "groups": ["ml"] });
    let session = cluster.sign_in(&provider, claims).await.unwrap();
    assert_eq!(
        cluster.session(&session, "").await.unwrap_err(),
        "SESSION_EXPIRED"
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_believed_is_not() {
    let (cluster, provider) = start().await;
    let now = chrono::Utc::now().timestamp();
    for wrong in [
        json!({ "aud": "another client" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "nonce": "another" }),
        json!({ "exp": now - 10 }),
    ] {
        let refused = cluster.sign_in(&provider, wrong.clone()).await;
        assert_eq!(reason_of(refused), "OIDC_NOT_BELIEVED", "{wrong}");
    }
    provider.forge();
    let refused = cluster
        .sign_in(&provider, json!({ "groups": ["ml"] }))
        .await;
    assert_eq!(reason_of(refused), "OIDC_NOT_BELIEVED");
}

#[tokio::test]
async fn a_code_is_good_for_the_browser_that_began_alone() {
    let (cluster, provider) = start().await;
    let claims = json!({ "groups": ["ml"] });
    let mine = cluster.access.begin_sign_in("/").await.unwrap();
    let other = cluster.access.begin_sign_in("/").await.unwrap();
    let (code, state) = provider.sign_in(&mine.url, &claims);
    let finish = async |state: &str, ticket: &str| {
        reason_of(cluster.access.finish_sign_in(&code, state, ticket).await)
    };
    assert_eq!(finish(&state, &other.ticket).await, "OIDC_STALE");
    assert_eq!(finish(&state, "").await, "OIDC_STALE");
    assert_eq!(finish("another", &mine.ticket).await, "OIDC_STALE");
    // Somebody else's code with one's own state is refused by the provider, for the verifier is another.
    let (_, own_state) = provider.sign_in(&other.url, &claims);
    assert_eq!(finish(&own_state, &other.ticket).await, "OIDC_REFUSED");
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_fetched() {
    let (cluster, provider) = start().await;
    let claims = json!({ "groups": ["ml"] });
    cluster.sign_in(&provider, claims.clone()).await.unwrap();
    provider.rotate();
    cluster.sign_in(&provider, claims).await.unwrap();
}

#[tokio::test]
async fn nobody_becomes_somebody_else() {
    let (cluster, provider) = start_with(|settings| {
        settings.name_claim = "preferred_username".to_owned();
    })
    .await;
    let signed_in = async |name: &str, subject: &str| {
        let claims = json!({ "preferred_username": name, "sub": subject, "groups": ["ml"] });
        cluster.sign_in(&provider, claims).await
    };
    for name in ["local", "admin"] {
        assert_eq!(
            reason_of(signed_in(name, "7").await),
            "OIDC_NAME_TAKEN",
            "{name}"
        );
    }
    cluster.add("ci", Role::Contributor).await;
    assert_eq!(reason_of(signed_in("ci", "7").await), "OIDC_NAME_TAKEN");
    let invited = CreatePrincipalRequest {
        name: "bo".to_owned(),
        kind: PrincipalKind::Person.into(),
        role: Role::Approver.into(),
    };
    cluster.client().create_principal(invited).await.unwrap();
    let session = signed_in("bo", "8").await.unwrap();
    assert_eq!(
        cluster.session(&session, "").await.unwrap().1,
        Role::Approver
    );
    assert_eq!(reason_of(signed_in("bo", "9").await), "OIDC_NAME_TAKEN");
}

#[tokio::test]
async fn of_two_subjects_with_one_name_the_first_has_it() {
    let (cluster, provider) = start().await;
    for round in 0..10 {
        let claims = |subject: &str| json!({ "sub": format!("{round} {subject}"), "email": format!("{round}@x.org"), "groups": ["ml"] });
        let (one, other) = tokio::join!(
            cluster.sign_in(&provider, claims("a")),
            cluster.sign_in(&provider, claims("b"))
        );
        let refused = match (one, other) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("one must have the name: {both:?}"),
        };
        assert_eq!(refused.reason(), "OIDC_NAME_TAKEN");
    }
}

#[tokio::test]
async fn one_person_may_sign_in_twice_at_once() {
    let (cluster, provider) = start().await;
    let claims = json!({ "groups": ["ml"] });
    let (one, other) = tokio::join!(
        cluster.sign_in(&provider, claims.clone()),
        cluster.sign_in(&provider, claims)
    );
    assert_ne!(one.unwrap().secret, other.unwrap().secret);
}

#[tokio::test]
async fn those_without_a_role_a_name_or_a_verified_address_are_told() {
    let (cluster, provider) = start().await;
    for (claims, expected) in [
        (json!({ "groups": ["others"] }), "OIDC_NO_ROLE"),
        (json!({ "email": null, "groups": ["ml"] }), "OIDC_NO_NAME"),
        (
            json!({ "email_verified": false, "sub": "2", "groups": ["ml"] }),
            "OIDC_NOT_VERIFIED",
        ),
    ] {
        let refused = cluster.sign_in(&provider, claims.clone()).await;
        assert_eq!(reason_of(refused), expected, "{claims}");
    }
    // Who was told to ask an admin is found by the name.
    let grant = GrantRoleRequest {
        principal: "ana@example.com".to_owned(),
        role: Role::Viewer.into(),
    };
    cluster.client().grant_role(grant).await.unwrap();
    cluster
        .sign_in(&provider, json!({ "groups": [] }))
        .await
        .unwrap();
}

#[tokio::test]
async fn without_a_provider_there_is_none() {
    let database = database().await;
    let access = Access::start(&database, AuthMode::Required).await.unwrap();
    assert_eq!(access.identity_provider(), None);
    let refused = access.begin_sign_in("/").await.unwrap_err();
    assert_eq!(refused.reason(), "OIDC_NOT_CONFIGURED");
}
