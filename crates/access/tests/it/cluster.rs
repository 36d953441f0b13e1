//! An access service of its own for each test.

use herdbook_access::{Access, AuthMode};
use herdbook_postgres::{Database, migrate};
use herdbook_proto::{
    access::v1::{
        CreatePrincipalRequest, CreateTokenRequest, CreateTokenResponse, GetCallerRequest,
        GetCallerResponse, PrincipalKind, access_service_client::AccessServiceClient,
    },
    common::v1::Role,
    time::to_timestamp,
};
use herdbook_rpc::RoutesBuilder;
use herdbook_testkit::{TestDatabase, grpc::serve};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Status, transport::Channel};

pub(crate) struct Cluster {
    client: AccessServiceClient<Channel>,
    pub(crate) database: Database,
    pub(crate) access: Access,
    _stop: DropGuard,
}

/// A database with the schema.
pub(crate) async fn database() -> Database {
    let database = TestDatabase::create().await.database();
    migrate(
        &database,
        herdbook_access::SCHEMA,
        &herdbook_access::MIGRATIONS,
    )
    .await
    .unwrap();
    database
}

pub(crate) async fn start(mode: AuthMode) -> Cluster {
    let database = database().await;
    let access = Access::start(&database, mode).await.unwrap();
    serve_access(database, access).await
}

pub(crate) async fn serve_access(database: Database, access: Access) -> Cluster {
    let mut routes = RoutesBuilder::default();
    access.register(&mut routes);
    let shutdown = CancellationToken::new();
    let channel = serve(routes, access.authenticator(), &shutdown).await;
    Cluster {
        client: AccessServiceClient::new(channel),
        database,
        access,
        _stop: shutdown.drop_guard(),
    }
}

/// A request with metadata.
pub(crate) fn with<T>(message: T, metadata: &[(&'static str, &str)]) -> Request<T> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    request
}

pub(crate) fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

impl Cluster {
    pub(crate) fn client(&self) -> AccessServiceClient<Channel> {
        self.client.clone()
    }

    pub(crate) async fn whoami(
        &self,
        metadata: &[(&'static str, &str)],
    ) -> Result<GetCallerResponse, Status> {
        Ok(self
            .client()
            .get_caller(with(GetCallerRequest {}, metadata))
            .await?
            .into_inner())
    }

    pub(crate) async fn add(&self, name: &str, role: Role) {
        let request = CreatePrincipalRequest {
            name: name.to_owned(),
            kind: PrincipalKind::Service.into(),
            role: role.into(),
        };
        self.client().create_principal(request).await.unwrap();
    }

    pub(crate) async fn token(
        &self,
        principal: &str,
        lives: Option<chrono::TimeDelta>,
    ) -> CreateTokenResponse {
        let request = CreateTokenRequest {
            principal: principal.to_owned(),
            name: "test".to_owned(),
            expires_at: lives.map(|lives| to_timestamp(chrono::Utc::now() + lives)),
            ..Default::default()
        };
        self.client()
            .create_token(request)
            .await
            .unwrap()
            .into_inner()
    }
}
