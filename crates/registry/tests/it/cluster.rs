//! A registry of its own for each test.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use herdbook_blobs::{BlobStore, Manifests};
use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_lineage::Lineage;
use herdbook_postgres::{Database, migrate};
use herdbook_proto::{
    lineage::v1::lineage_service_client::LineageServiceClient,
    registry::v1::{
        AuditRecord, CreateModelRequest, CreateVersionRequest, Decision, GetModelRequest,
        GetPolicyRequest, GetVersionRequest, ListAuditRecordsRequest, Model, Policy,
        RollbackStageRequest, Rule, SetPolicyRequest, TransitionVersionRequest, UpdateModelRequest,
        Version, check_service_client::CheckServiceClient,
        model_service_client::ModelServiceClient, policy_service_client::PolicyServiceClient,
        request_service_client::RequestServiceClient, rule::Rule as Asks,
        serving_service_client::ServingServiceClient,
        signature_service_client::SignatureServiceClient,
        transition_service_client::TransitionServiceClient,
        version_service_client::VersionServiceClient, webhook_service_client::WebhookServiceClient,
    },
    tracking::v1::{
        ArtifactHeader, CreateRunRequest, LogBatchRequest, Metric, UploadArtifactRequest,
        artifact_service_client::ArtifactServiceClient, run_service_client::RunServiceClient,
        upload_artifact_request::Message as Upload,
    },
};
use herdbook_registry::{AuditKey, Registry, Settings, WebhookSettings};
use herdbook_rpc::{
    AuthFuture, Authenticate, FixedCaller, PeerChannel, Role, RoleFuture, Roles, RoutesBuilder,
    WORKSPACE,
};
use herdbook_testkit::{
    TestDatabase,
    grpc::{Unsigned, serve},
};
use herdbook_tracking::Tracking;
use http::HeaderMap;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Status, metadata::MetadataValue, transport::Channel};
use uuid::Uuid;

pub(crate) const MODEL: &str = "fraud-detector";

/// Takes a call for ana's, an admin, unless it says whose it is, and knows what role each had.
#[derive(Default)]
struct Callers(Mutex<BTreeMap<PrincipalId, Option<Role>>>);

impl Authenticate for Callers {
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap, _service: &'a str) -> AuthFuture<'a> {
        let said = headers.get(CALLER).and_then(|value| value.to_str().ok());
        let (name, role) = said
            .and_then(|said| said.split_once('='))
            .unwrap_or(("ana", "admin"));
        let role = match role {
            "viewer" => Role::Viewer,
            "contributor" => Role::Contributor,
            "approver" => Role::Approver,
            _ => Role::Admin,
        };
        let workspace = headers
            .get(WORKSPACE)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut caller = FixedCaller::new(name, WorkspaceId(workspace.unwrap_or(1)), role).0;
        caller.principal = principal(name);
        let mut known = self.0.lock().unwrap();
        known.entry(caller.principal).or_insert(Some(role));
        Box::pin(std::future::ready(Ok(caller)))
    }
}

impl Roles for Callers {
    fn role_of(&self, _: WorkspaceId, principal: PrincipalId) -> RoleFuture<'_> {
        let role = self.0.lock().unwrap().get(&principal).copied().flatten();
        Box::pin(std::future::ready(Ok(role)))
    }
}

/// A principal of its own for each name.
fn principal(name: &str) -> PrincipalId {
    let mut id = [0; 16];
    id.iter_mut()
        .zip(name.bytes())
        .for_each(|(to, from)| *to = from);
    PrincipalId::from(Uuid::from_bytes(id))
}

/// Who calls, as `name=role`.
const CALLER: &str = "x-test-caller";

/// A call by somebody, given as `name=role`.
pub(crate) fn by<T>(who: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert(CALLER, MetadataValue::from_static(who));
    request
}

pub(crate) struct Cluster {
    pub(crate) channel: Channel,
    callers: Arc<Callers>,
    pub(crate) database: Database,
    peers: [PeerChannel; 2],
    pub(crate) manifests: Arc<dyn Manifests>,
    /// Its chores end with it, such as telling lineage of runs.
    _tracking: Tracking,
    stop: CancellationToken,
    _stop: DropGuard,
}

impl Cluster {
    /// With the model `fraud-detector` in it.
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await.database();
        for (schema, migrations) in [
            (herdbook_blobs::SCHEMA, &herdbook_blobs::MIGRATIONS),
            (herdbook_lineage::SCHEMA, &herdbook_lineage::MIGRATIONS),
            (herdbook_tracking::SCHEMA, &herdbook_tracking::MIGRATIONS),
            (herdbook_registry::SCHEMA, &herdbook_registry::MIGRATIONS),
        ] {
            migrate(&database, schema, migrations).await.unwrap();
        }
        let caller = Arc::new(Callers::default());
        let peer =
            |name, routes| PeerChannel::local(name, routes, caller.clone(), Arc::new(Unsigned));
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
        let peers = [to_tracking, to_lineage];
        let registry = start_registry(&database, blobs, &peers, caller.clone(), None, &shutdown);
        let all = routes(|routes| {
            lineage.register(routes);
            tracking.register(routes);
            registry.register(routes);
        });
        let channel = serve(all, caller.clone(), &shutdown).await;
        let cluster = Self {
            channel,
            callers: caller,
            database,
            peers,
            manifests: registry.manifests(),
            _tracking: tracking,
            stop: shutdown.clone(),
            _stop: shutdown.drop_guard(),
        };
        let request = CreateModelRequest {
            name: MODEL.to_owned(),
            ..Default::default()
        };
        cluster.models().create_model(request).await.unwrap();
        cluster
    }

    /// Stops this process; replicas go on.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Another process with the registry on the same database, until the guard is dropped.
    pub(crate) async fn replica(&self) -> (Channel, DropGuard) {
        self.replica_with(None).await
    }

    /// Another that has a key for checkpoints.
    pub(crate) async fn replica_with(&self, audit_key: Option<AuditKey>) -> (Channel, DropGuard) {
        let shutdown = CancellationToken::new();
        let blobs = BlobStore::open("memory:").unwrap();
        let callers = self.callers.clone();
        let registry = start_registry(
            &self.database,
            blobs,
            &self.peers,
            callers.clone(),
            audit_key,
            &shutdown,
        );
        let all = routes(|routes| registry.register(routes));
        let channel = serve(all, callers, &shutdown).await;
        (channel, shutdown.drop_guard())
    }

    pub(crate) fn models(&self) -> ModelServiceClient<Channel> {
        ModelServiceClient::new(self.channel.clone())
    }

    pub(crate) fn versions(&self) -> VersionServiceClient<Channel> {
        VersionServiceClient::new(self.channel.clone())
    }

    pub(crate) fn serving(&self) -> ServingServiceClient<Channel> {
        ServingServiceClient::new(self.channel.clone())
    }

    pub(crate) fn signatures(&self) -> SignatureServiceClient<Channel> {
        SignatureServiceClient::new(self.channel.clone())
    }

    pub(crate) fn transitions(&self) -> TransitionServiceClient<Channel> {
        TransitionServiceClient::new(self.channel.clone())
    }

    pub(crate) fn requests(&self) -> RequestServiceClient<Channel> {
        RequestServiceClient::new(self.channel.clone())
    }

    pub(crate) fn policies(&self) -> PolicyServiceClient<Channel> {
        PolicyServiceClient::new(self.channel.clone())
    }

    pub(crate) fn lineage(&self) -> LineageServiceClient<Channel> {
        LineageServiceClient::new(self.channel.clone())
    }

    pub(crate) fn checks(&self) -> CheckServiceClient<Channel> {
        CheckServiceClient::new(self.channel.clone())
    }

    pub(crate) fn webhooks(&self) -> WebhookServiceClient<Channel> {
        WebhookServiceClient::new(self.channel.clone())
    }

    /// Takes somebody's role away.
    pub(crate) fn revoke(&self, name: &str) {
        self.callers.0.lock().unwrap().insert(principal(name), None);
    }

    pub(crate) fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.channel.clone())
    }

    /// A run with the metric `acc` and the file `model/weights.bin`.
    pub(crate) async fn create_run(&self, acc: f64) -> String {
        let run = self
            .runs()
            .create_run(CreateRunRequest::default())
            .await
            .unwrap();
        let run_id = run.into_inner().run.unwrap().id;
        let metrics = vec![Metric {
            key: "acc".to_owned(),
            value: acc,
            ..Default::default()
        }];
        let log = LogBatchRequest {
            run_id: run_id.clone(),
            metrics,
            ..Default::default()
        };
        self.runs().log_batch(log).await.unwrap();
        let header = ArtifactHeader {
            run_id: run_id.clone(),
            path: "model/weights.bin".to_owned(),
            ..Default::default()
        };
        let message = |message| UploadArtifactRequest {
            message: Some(message),
        };
        let messages = [
            message(Upload::Header(header)),
            message(Upload::Chunk(vec![7; 1_000].into())),
        ];
        let mut artifacts = ArtifactServiceClient::new(self.channel.clone());
        artifacts
            .upload_artifact(futures::stream::iter(messages))
            .await
            .unwrap();
        run_id
    }

    /// Registers a version from a run with this `acc`; its number.
    pub(crate) async fn register(&self, acc: f64) -> i64 {
        let run = self.create_run(acc).await;
        let request = CreateVersionRequest {
            model: MODEL.to_owned(),
            source: format!("runs:/{run}/model"),
            ..Default::default()
        };
        self.create_version(request).await.unwrap().number
    }

    pub(crate) async fn create_version(
        &self,
        request: CreateVersionRequest,
    ) -> Result<Version, Status> {
        Ok(self
            .versions()
            .create_version(request)
            .await?
            .into_inner()
            .version
            .unwrap())
    }

    pub(crate) async fn promote(&self, version: i64, to: &str) -> Result<Decision, Status> {
        let request = TransitionVersionRequest {
            model: MODEL.to_owned(),
            version,
            to: to.to_owned(),
            ..Default::default()
        };
        self.transition(request).await
    }

    pub(crate) async fn transition(
        &self,
        request: TransitionVersionRequest,
    ) -> Result<Decision, Status> {
        let answer = self.transitions().transition_version(request).await?;
        Ok(answer.into_inner().decision.unwrap())
    }

    pub(crate) async fn rollback(&self, request: RollbackStageRequest) -> Result<Decision, Status> {
        let answer = self.transitions().rollback_stage(request).await?;
        Ok(answer.into_inner().decision.unwrap())
    }

    /// The model's policy.
    pub(crate) async fn policy(&self) -> Policy {
        let request = GetPolicyRequest {
            model: MODEL.to_owned(),
        };
        let answer = self.models().get_policy(request).await.unwrap();
        answer.into_inner().policy.unwrap()
    }

    pub(crate) async fn set_policy(&self, policy: Policy) -> Result<Policy, Status> {
        let request = SetPolicyRequest {
            model: MODEL.to_owned(),
            policy: Some(policy),
        };
        let answer = self.models().set_policy(request).await?;
        Ok(answer.into_inner().policy.unwrap())
    }

    /// Sets the rules for moves to a stage.
    pub(crate) async fn ask(&self, to: &str, asks: Vec<Asks>) -> Result<Policy, Status> {
        let mut policy = self.policy().await;
        let step = policy.moves.iter_mut().find(|step| step.to == to).unwrap();
        let rule = |(number, asks)| Rule {
            name: format!("rule-{number}"),
            rule: Some(asks),
        };
        step.rules = asks.into_iter().enumerate().map(rule).collect();
        self.set_policy(policy).await
    }

    pub(crate) async fn resolve(&self, reference: &str) -> Result<Version, Status> {
        let request = GetVersionRequest {
            reference: reference.to_owned(),
        };
        Ok(self
            .versions()
            .get_version(request)
            .await?
            .into_inner()
            .version
            .unwrap())
    }

    pub(crate) async fn model(&self) -> Model {
        let request = GetModelRequest {
            name: MODEL.to_owned(),
            ..Default::default()
        };
        self.models()
            .get_model(request)
            .await
            .unwrap()
            .into_inner()
            .model
            .unwrap()
    }

    /// Versions in a stage.
    pub(crate) async fn in_stage(&self, stage: &str) -> Vec<i64> {
        let stages = self.model().await.stages;
        let found = stages.into_iter().find(|content| content.stage == stage);
        found.map(|content| content.versions).unwrap_or_default()
    }

    /// Makes a change to the model.
    pub(crate) async fn describe(&self, description: &str) {
        let model = Model {
            name: MODEL.to_owned(),
            description: description.to_owned(),
            ..Default::default()
        };
        self.update(model, "description").await;
    }

    /// Tags the model.
    pub(crate) async fn tag(&self, key: &str, value: &str) {
        let model = Model {
            name: MODEL.to_owned(),
            tags: [(key.to_owned(), value.to_owned())].into(),
            ..Default::default()
        };
        self.update(model, "tags").await;
    }

    async fn update(&self, model: Model, path: &str) {
        let request = UpdateModelRequest {
            model: Some(model),
            update_mask: Some(prost_types::FieldMask {
                paths: vec![path.to_owned()],
            }),
        };
        self.models().update_model(request).await.unwrap();
    }

    /// The whole audit log, oldest first.
    pub(crate) async fn audit(&self) -> Vec<AuditRecord> {
        let mut records = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListAuditRecordsRequest {
                page_size: 1_000,
                page_token,
                ..Default::default()
            };
            let answer = self.transitions().list_audit_records(request).await;
            let page = answer.unwrap().into_inner();
            records.extend(page.records);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        records.reverse();
        records
    }
}

fn start_registry(
    database: &Database,
    blobs: BlobStore,
    [to_tracking, to_lineage]: &[PeerChannel; 2],
    roles: Arc<Callers>,
    audit_key: Option<AuditKey>,
    shutdown: &CancellationToken,
) -> Registry {
    Registry::start(
        database,
        blobs,
        to_tracking.clone(),
        to_lineage.clone(),
        roles,
        Settings {
            audit_key,
            webhooks: webhooks(),
        },
        shutdown.clone(),
    )
}

/// Receivers on loopback, tried again soon.
fn webhooks() -> WebhookSettings {
    WebhookSettings {
        allow: vec!["127.0.0.1/32".parse().unwrap()],
        timeout: Duration::from_secs(2),
        first_retry: Duration::from_millis(10),
        longest_retry: Duration::from_millis(100),
    }
}

fn routes(register: impl Fn(&mut RoutesBuilder)) -> RoutesBuilder {
    let mut routes = RoutesBuilder::default();
    register(&mut routes);
    routes
}
