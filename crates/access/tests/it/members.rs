//! Members, tokens that may less than their members, and the record of who gave whom what.

use herdbook_access::AuthMode;
use herdbook_proto::{
    access::v1::{
        AccessAction, AccessChange, CreateTokenRequest, CreateWorkspaceRequest, GrantRoleRequest,
        ListAccessChangesRequest, ListPrincipalsRequest, ListTokensRequest, RevokeRoleRequest,
        RevokeTokenRequest, Token,
    },
    common::v1::Role,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::Code;

use crate::cluster::{Cluster, bearer, start, with};

async fn tokens(cluster: &Cluster) -> Vec<Token> {
    let found = cluster.client().list_tokens(ListTokensRequest {}).await;
    found.unwrap().into_inner().tokens
}

async fn changes(cluster: &Cluster, request: ListAccessChangesRequest) -> Vec<AccessChange> {
    let found = cluster.client().list_access_changes(request).await;
    found.unwrap().into_inner().changes
}

#[tokio::test]
async fn members_see_each_other() {
    let cluster = start(AuthMode::Local).await;
    cluster.add("cyd", Role::Viewer).await;
    let token = bearer(&cluster.token("cyd", None).await.secret);
    let request = with(ListPrincipalsRequest {}, &[("authorization", &token)]);
    let found = cluster.client().list_principals(request).await.unwrap();
    let names: Vec<_> = found
        .into_inner()
        .principals
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["cyd", "local"]);
}

#[tokio::test]
async fn a_token_may_less_than_its_member_and_never_more() {
    let cluster = start(AuthMode::Local).await;
    let token = async |principal: &str, role: Role| {
        let request = CreateTokenRequest {
            principal: principal.to_owned(),
            name: "limited".to_owned(),
            role: role.into(),
            ..Default::default()
        };
        let made = cluster.client().create_token(request).await.unwrap();
        bearer(&made.into_inner().secret)
    };
    let role = async |token: &str| {
        let caller = cluster.whoami(&[("authorization", token)]).await;
        caller.unwrap().role()
    };
    let of_admin = token("local", Role::Viewer).await;
    assert_eq!(role(&of_admin).await, Role::Viewer);
    cluster.add("bo", Role::Contributor).await;
    assert_eq!(
        role(&token("bo", Role::Admin).await).await,
        Role::Contributor
    );
    // What its principal could do as an admin of the installation it cannot.
    let request = CreateWorkspaceRequest {
        name: "risk-ml".to_owned(),
        ..Default::default()
    };
    let refused = cluster
        .client()
        .create_workspace(with(request, &[("authorization", &of_admin)]))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused).1, "NOT_INSTALLATION_ADMIN");
    let request = CreateTokenRequest {
        principal: "bo".to_owned(),
        name: "wrong".to_owned(),
        role: 9,
        ..Default::default()
    };
    let refused = cluster.client().create_token(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["role"]);
}

#[tokio::test]
async fn a_token_tells_when_it_was_last_used() {
    let cluster = start(AuthMode::Local).await;
    cluster.add("ci", Role::Contributor).await;
    let made = cluster.token("ci", None).await;
    assert!(tokens(&cluster).await[0].last_used_at.is_none());
    let token = bearer(&made.secret);
    cluster.whoami(&[("authorization", &token)]).await.unwrap();
    assert!(tokens(&cluster).await[0].last_used_at.is_some());
}

#[tokio::test]
async fn every_change_of_access_is_recorded_with_who_made_it() {
    let cluster = start(AuthMode::Local).await;
    cluster.add("bo", Role::Admin).await;
    let made = cluster.token("bo", None).await;
    let token = bearer(&made.secret);
    let by_bo = [("authorization", &*token)];
    cluster.add("cyd", Role::Viewer).await;
    let mut client = cluster.client();
    let grant = GrantRoleRequest {
        principal: "cyd".to_owned(),
        role: Role::Approver.into(),
    };
    client.grant_role(with(grant, &by_bo)).await.unwrap();
    let revoke = RevokeRoleRequest {
        principal: "cyd".to_owned(),
    };
    client
        .revoke_role(with(revoke.clone(), &by_bo))
        .await
        .unwrap();
    // What was refused changed nothing.
    let refused = client.revoke_role(revoke).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let id = made.token.unwrap().id;
    for _ in 0..2 {
        let revoke = RevokeTokenRequest { id: id.clone() };
        client.revoke_token(revoke).await.unwrap();
    }
    let all = changes(&cluster, ListAccessChangesRequest::default()).await;
    let told: Vec<_> = all
        .iter()
        .map(|change| {
            (
                change.action(),
                &*change.principal,
                &*change.subject,
                change.role(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (AccessAction::RevokeToken, "local", "bo", Role::Unspecified),
            (AccessAction::RevokeRole, "bo", "cyd", Role::Unspecified),
            (AccessAction::GrantRole, "bo", "cyd", Role::Approver),
            (AccessAction::GrantRole, "local", "cyd", Role::Viewer),
            (AccessAction::CreateToken, "local", "bo", Role::Unspecified),
            (AccessAction::GrantRole, "local", "bo", Role::Admin),
        ]
    );
    assert_eq!((&*all[0].token, &*all[4].token), ("test", "test"));
    let of_bo = ListAccessChangesRequest {
        principal: "bo".to_owned(),
        ..Default::default()
    };
    assert_eq!(changes(&cluster, of_bo).await, all[1..3]);

    let mut paged = Vec::new();
    let mut request = ListAccessChangesRequest {
        page_size: 4,
        ..Default::default()
    };
    loop {
        let found = client.list_access_changes(request.clone()).await;
        let page = found.unwrap().into_inner();
        paged.extend(page.changes);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn another_workspace_has_changes_of_its_own() {
    let cluster = start(AuthMode::Local).await;
    cluster.add("bo", Role::Viewer).await;
    let request = CreateWorkspaceRequest {
        name: "risk-ml".to_owned(),
        ..Default::default()
    };
    cluster.client().create_workspace(request).await.unwrap();
    let there = [("herdbook-workspace", "risk-ml")];
    let request = with(ListAccessChangesRequest::default(), &there);
    let found = cluster.client().list_access_changes(request).await.unwrap();
    let actions: Vec<_> = found
        .into_inner()
        .changes
        .iter()
        .map(AccessChange::action)
        .collect();
    assert_eq!(actions, [AccessAction::CreateWorkspace]);
}
