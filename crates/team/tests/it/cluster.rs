//! Access, tracking, the registry and team for each test, with three people in one workspace.

use std::collections::HashMap;

use herdbook_access::{Access, AuthMode};
use herdbook_blobs::BlobStore;
use herdbook_lineage::Lineage;
use herdbook_postgres::migrate;
use herdbook_proto::{
    access::v1::{
        CreatePrincipalRequest, CreateTokenRequest, CreateWorkspaceRequest, PrincipalKind,
        access_service_client::AccessServiceClient,
    },
    common::v1::Role,
    registry::v1::{CreateModelRequest, model_service_client::ModelServiceClient},
    team::v1::{
        Comment, CreateCommentRequest, CreateReportRequest, Report, Subject, SubjectKind,
        activity_service_client::ActivityServiceClient,
        comment_service_client::CommentServiceClient,
        preference_service_client::PreferenceServiceClient,
        report_service_client::ReportServiceClient, view_service_client::ViewServiceClient,
    },
    tracking::v1::{
        CreateRunRequest, Run, RunStatus, UpdateRunRequest, run_service_client::RunServiceClient,
    },
};
use herdbook_registry::Registry;
use herdbook_rpc::{PeerChannel, RoutesBuilder, WORKSPACE};
use herdbook_team::Team;
use herdbook_testkit::{TestDatabase, grpc::serve};
use herdbook_tracking::Tracking;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Status, metadata::MetadataValue, transport::Channel};

pub(crate) struct Cluster {
    pub(crate) channel: Channel,
    tokens: HashMap<&'static str, String>,
    /// Their chores end with them.
    _services: (Tracking, Registry),
    _stop: DropGuard,
}

/// A workspace in which nobody is but the local user.
const ELSEWHERE: &str = "elsewhere";
/// Everybody in `default`, with their roles.
const PEOPLE: [(&str, Role); 3] = [
    ("ana", Role::Admin),
    ("bo", Role::Contributor),
    ("cyd", Role::Viewer),
];

fn routes(register: impl FnOnce(&mut RoutesBuilder)) -> RoutesBuilder {
    let mut routes = RoutesBuilder::default();
    register(&mut routes);
    routes
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await.database();
        for (schema, migrations) in [
            (herdbook_access::SCHEMA, &herdbook_access::MIGRATIONS),
            (herdbook_blobs::SCHEMA, &herdbook_blobs::MIGRATIONS),
            (herdbook_lineage::SCHEMA, &herdbook_lineage::MIGRATIONS),
            (herdbook_tracking::SCHEMA, &herdbook_tracking::MIGRATIONS),
            (herdbook_registry::SCHEMA, &herdbook_registry::MIGRATIONS),
            (herdbook_team::SCHEMA, &herdbook_team::MIGRATIONS),
        ] {
            migrate(&database, schema, migrations).await.unwrap();
        }
        let access = Access::start(&database, AuthMode::Local).await.unwrap();
        let peer = |name, routes| {
            PeerChannel::local(name, routes, access.authenticator(), access.assertions())
        };
        let shutdown = CancellationToken::new();
        let blobs = BlobStore::open("memory:").unwrap();
        let lineage = Lineage::start(&database);
        let to_lineage = peer("lineage", routes(|routes| lineage.register(routes)));
        let tracking = Tracking::start(
            &database,
            blobs.clone(),
            to_lineage.clone(),
            herdbook_tracking::Settings::default(),
            shutdown.clone(),
        );
        let to_tracking = peer("tracking", routes(|routes| tracking.register(routes)));
        let registry = Registry::start(
            &database,
            blobs,
            to_tracking.clone(),
            to_lineage,
            access.roles(),
            herdbook_registry::Settings::default(),
            shutdown.clone(),
        );
        let to_registry = peer("registry", routes(|routes| registry.register(routes)));
        let to_access = peer("access", routes(|routes| access.register(routes)));
        let team = Team::start(&database, to_access, to_tracking, to_registry);
        let all = routes(|routes| {
            access.register(routes);
            tracking.register(routes);
            registry.register(routes);
            team.register(routes);
        });
        let channel = serve(all, access.authenticator(), &shutdown).await;
        let mut cluster = Self {
            channel,
            tokens: HashMap::new(),
            _services: (tracking, registry),
            _stop: shutdown.drop_guard(),
        };
        for (name, role) in PEOPLE {
            let token = cluster.person(name, role).await;
            cluster.tokens.insert(name, token);
        }
        let elsewhere = CreateWorkspaceRequest {
            name: ELSEWHERE.to_owned(),
            ..Default::default()
        };
        let mut access = AccessServiceClient::new(cluster.channel.clone());
        access.create_workspace(elsewhere).await.unwrap();
        cluster
    }

    /// Makes a person; their token.
    async fn person(&self, name: &str, role: Role) -> String {
        let request = CreatePrincipalRequest {
            name: name.to_owned(),
            kind: PrincipalKind::Person.into(),
            role: role.into(),
        };
        let mut access = AccessServiceClient::new(self.channel.clone());
        access.create_principal(request).await.unwrap();
        let request = CreateTokenRequest {
            principal: name.to_owned(),
            name: "test".to_owned(),
            ..Default::default()
        };
        let made = access.create_token(request).await.unwrap();
        made.into_inner().secret
    }

    /// A call by somebody of another workspace.
    pub(crate) fn elsewhere<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(WORKSPACE, MetadataValue::from_static(ELSEWHERE));
        request
    }

    /// A call by somebody.
    pub(crate) fn by<T>(&self, name: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {}", self.tokens[name]);
        request
            .metadata_mut()
            .insert("authorization", token.parse().unwrap());
        request
    }

    pub(crate) fn comments(&self) -> CommentServiceClient<Channel> {
        CommentServiceClient::new(self.channel.clone())
    }

    pub(crate) fn reports(&self) -> ReportServiceClient<Channel> {
        ReportServiceClient::new(self.channel.clone())
    }

    pub(crate) fn activity(&self) -> ActivityServiceClient<Channel> {
        ActivityServiceClient::new(self.channel.clone())
    }

    pub(crate) fn views(&self) -> ViewServiceClient<Channel> {
        ViewServiceClient::new(self.channel.clone())
    }

    pub(crate) fn preferences(&self) -> PreferenceServiceClient<Channel> {
        PreferenceServiceClient::new(self.channel.clone())
    }

    /// A run of `by`.
    pub(crate) async fn run(&self, by: &str) -> Run {
        let mut runs = RunServiceClient::new(self.channel.clone());
        let made = runs.create_run(self.by(by, CreateRunRequest::default()));
        made.await.unwrap().into_inner().run.unwrap()
    }

    /// A run of `by` that has ended.
    pub(crate) async fn ended_run(&self, by: &str) -> Run {
        let mut runs = RunServiceClient::new(self.channel.clone());
        let run = self.run(by).await;
        let request = UpdateRunRequest {
            run: Some(Run {
                id: run.id.clone(),
                status: RunStatus::Finished.into(),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["status".to_owned()],
            }),
        };
        let ended = runs.update_run(self.by(by, request)).await.unwrap();
        ended.into_inner().run.unwrap()
    }

    /// The model of a name, made by ana.
    pub(crate) async fn model(&self, name: &str) {
        let request = CreateModelRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        ModelServiceClient::new(self.channel.clone())
            .create_model(self.by("ana", request))
            .await
            .unwrap();
    }

    pub(crate) async fn say(
        &self,
        by: &str,
        subject: &Subject,
        text: &str,
    ) -> Result<Comment, Status> {
        let request = CreateCommentRequest {
            subject: Some(subject.clone()),
            text: text.to_owned(),
            ..Default::default()
        };
        let said = self.comments().create_comment(self.by(by, request)).await?;
        Ok(said.into_inner().comment.unwrap())
    }

    pub(crate) async fn report(&self, by: &str, title: &str) -> Report {
        let request = CreateReportRequest {
            title: title.to_owned(),
            text: "first".to_owned(),
            ..Default::default()
        };
        let made = self.reports().create_report(self.by(by, request)).await;
        made.unwrap().into_inner().report.unwrap()
    }
}

pub(crate) fn subject(kind: SubjectKind, name: &str) -> Subject {
    Subject {
        kind: kind.into(),
        name: name.to_owned(),
    }
}

pub(crate) fn of_run(run: &Run) -> Subject {
    subject(SubjectKind::Run, &run.id)
}
