//! Who is let in, where to, and who is not.

use herdbook_access::{AuthMode, bootstrap_admin_token};
use herdbook_proto::{
    access::v1::{
        CreatePrincipalRequest, CreateTokenRequest, CreateWorkspaceRequest, GrantRoleRequest,
        ListPrincipalsRequest, ListTokensRequest, ListWorkspacesRequest, PrincipalKind,
        RevokeRoleRequest, RevokeTokenRequest,
    },
    common::v1::Role,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::Code;

use crate::cluster::{bearer, start, with};

#[tokio::test]
async fn on_loopback_everybody_is_the_local_user() {
    let cluster = start(AuthMode::Local).await;
    let caller = cluster.whoami(&[]).await.unwrap();
    assert_eq!(
        (&*caller.principal, &*caller.workspace, caller.role()),
        ("local", "default", Role::Admin)
    );
    let refused = cluster
        .whoami(&[("herdbook-workspace", "secret")])
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "WORKSPACE_NOT_FOUND".into())
    );
}

#[tokio::test]
async fn where_tokens_are_required_nobody_gets_in_without_a_good_one() {
    let cluster = start(AuthMode::Required).await;
    let refused = cluster.whoami(&[]).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::Unauthenticated, "TOKEN_MISSING".into())
    );
    for token in ["Bearer hbk_wrong", "Basic x", ""] {
        let refused = cluster
            .whoami(&[("authorization", token)])
            .await
            .unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::Unauthenticated, "TOKEN_UNKNOWN".into()),
            "{token}"
        );
    }
    let forged = cluster
        .whoami(&[("herdbook-assertion", "a.b.c")])
        .await
        .unwrap_err();
    assert_eq!(
        reason(&forged),
        (Code::Unauthenticated, "ASSERTION_INVALID".into())
    );
    let plain = [
        ("principal", "local"),
        ("herdbook-principal", "local"),
        ("x-user", "local"),
    ];
    assert_eq!(
        cluster.whoami(&plain).await.unwrap_err().code(),
        Code::Unauthenticated
    );

    let secret = bootstrap_admin_token(&cluster.database).await.unwrap();
    let caller = cluster
        .whoami(&[("authorization", &bearer(&secret))])
        .await
        .unwrap();
    assert_eq!((&*caller.principal, caller.role()), ("admin", Role::Admin));
}

#[tokio::test]
async fn a_token_opens_its_own_workspace_alone() {
    let cluster = start(AuthMode::Local).await;
    cluster.add("ci", Role::Contributor).await;
    let made = cluster.token("ci", None).await;
    assert!(made.secret.starts_with("hbk_") && made.secret.len() == 47);
    let token = bearer(&made.secret);
    let caller = cluster.whoami(&[("authorization", &token)]).await.unwrap();
    assert_eq!(
        (&*caller.principal, caller.role()),
        ("ci", Role::Contributor)
    );

    let request = CreateWorkspaceRequest {
        name: "risk-ml".to_owned(),
        ..Default::default()
    };
    cluster
        .client()
        .create_workspace(request.clone())
        .await
        .unwrap();
    let other = [
        ("authorization", &*token),
        ("herdbook-workspace", "risk-ml"),
    ];
    let refused = cluster.whoami(&other).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "WORKSPACE_NOT_FOUND".into())
    );
    let refused = cluster
        .client()
        .create_workspace(with(request, &[("authorization", &token)]))
        .await;
    assert_eq!(reason(&refused.unwrap_err()).1, "NOT_INSTALLATION_ADMIN");
    let found = cluster
        .client()
        .list_workspaces(ListWorkspacesRequest {})
        .await
        .unwrap();
    let names: Vec<_> = found
        .into_inner()
        .workspaces
        .into_iter()
        .map(|w| w.name)
        .collect();
    assert_eq!(names, ["default", "risk-ml"]);
}

#[tokio::test]
async fn a_role_that_is_too_low_is_told_what_it_needs() {
    let cluster = start(AuthMode::Local).await;
    cluster.add("ci", Role::Contributor).await;
    let token = bearer(&cluster.token("ci", None).await.secret);
    let request = with(ListTokensRequest {}, &[("authorization", &token)]);
    let refused = cluster.client().list_tokens(request).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::PermissionDenied, "ROLE_TOO_LOW".into())
    );
    assert!(
        refused
            .message()
            .contains("needs the role admin, and ci is contributor")
    );
    let grant = GrantRoleRequest {
        principal: "ci".to_owned(),
        role: Role::Admin.into(),
    };
    cluster.client().grant_role(grant).await.unwrap();
    let request = with(ListTokensRequest {}, &[("authorization", &token)]);
    cluster.client().list_tokens(request).await.unwrap();
}

#[tokio::test]
async fn a_revoked_or_expired_token_stops_at_once() {
    let cluster = start(AuthMode::Local).await;
    cluster.add("ci", Role::Viewer).await;
    let made = cluster.token("ci", None).await;
    let token = bearer(&made.secret);
    cluster.whoami(&[("authorization", &token)]).await.unwrap();
    let id = made.token.unwrap().id;
    cluster
        .client()
        .revoke_token(RevokeTokenRequest { id: id.clone() })
        .await
        .unwrap();
    let refused = cluster
        .whoami(&[("authorization", &token)])
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::Unauthenticated, "TOKEN_REVOKED".into())
    );

    let expired = cluster
        .token("ci", Some(chrono::TimeDelta::seconds(-1)))
        .await;
    let refused = cluster
        .whoami(&[("authorization", &bearer(&expired.secret))])
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::Unauthenticated, "TOKEN_EXPIRED".into())
    );
    let listed = cluster
        .client()
        .list_tokens(ListTokensRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.tokens.len(), 2);
    assert!(
        listed
            .tokens
            .iter()
            .any(|token| token.id == id && token.revoked_at.is_some())
    );
    let unknown = RevokeTokenRequest {
        id: "nope".to_owned(),
    };
    let refused = cluster.client().revoke_token(unknown).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "TOKEN_NOT_FOUND".into()));
}

#[tokio::test]
async fn somebody_is_always_left_to_manage() {
    let cluster = start(AuthMode::Local).await;
    let revoke = RevokeRoleRequest {
        principal: "local".to_owned(),
    };
    let refused = cluster
        .client()
        .revoke_role(revoke.clone())
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "LAST_ADMIN".into())
    );
    let lower = GrantRoleRequest {
        principal: "local".to_owned(),
        role: Role::Viewer.into(),
    };
    let refused = cluster.client().grant_role(lower).await.unwrap_err();
    assert_eq!(reason(&refused).1, "LAST_ADMIN");
    cluster.add("bo", Role::Admin).await;
    cluster.client().revoke_role(revoke).await.unwrap();
    let found = cluster
        .client()
        .list_principals(ListPrincipalsRequest {})
        .await
        .unwrap();
    let names: Vec<_> = found
        .into_inner()
        .principals
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["bo"]);
}

#[tokio::test]
async fn bad_names_and_roles_are_refused_with_the_field() {
    let cluster = start(AuthMode::Local).await;
    for name in ["", "Upper", "-a", "a_b", &"x".repeat(64)] {
        let request = CreateWorkspaceRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        let refused = cluster
            .client()
            .create_workspace(request)
            .await
            .unwrap_err();
        assert_eq!(fields(&refused), ["name"], "{name}");
    }
    let request = CreatePrincipalRequest {
        name: "a\u{1}".to_owned(),
        ..Default::default()
    };
    let refused = cluster
        .client()
        .create_principal(request)
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["name", "kind", "role"]);
    cluster.add("ci", Role::Viewer).await;
    let again = CreatePrincipalRequest {
        name: "ci".to_owned(),
        kind: PrincipalKind::Person.into(),
        role: Role::Viewer.into(),
    };
    let refused = cluster.client().create_principal(again).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::AlreadyExists, "NAME_TAKEN".into()));
    let request = CreateTokenRequest {
        principal: "who".into(),
        name: "x".into(),
        ..Default::default()
    };
    let refused = cluster.client().create_token(request).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "PRINCIPAL_NOT_FOUND".into())
    );
}
