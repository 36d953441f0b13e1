//! Versions, and their moves between stages.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_proto::{
    registry::v1::{
        Comparison, CreateModelRequest, CreateVersionRequest, Expression, GetModelRequest,
        GetPolicyRequest, MetricThreshold, MinimumSoak, ReportCheckRequest, RequiredChecks,
        RequiredTags, Rule, SetPolicyRequest, TransitionVersionRequest,
        check_service_client::CheckServiceClient, model_service_client::ModelServiceClient,
        rule::Rule as Asks, transition_service_client::TransitionServiceClient,
        version_service_client::VersionServiceClient,
    },
    tracking::v1::{
        ArtifactHeader, CreateRunRequest, LogBatchRequest, Metric, UploadArtifactRequest,
        artifact_service_client::ArtifactServiceClient, run_service_client::RunServiceClient,
        upload_artifact_request::Message as Upload,
    },
};
use tonic::{Code, transport::Channel};

use crate::{Bench, median, report::Figure};

/// Clients that promote at once, a version each, and how often.
const AT_ONCE: i64 = 8;
const ROUNDS: usize = 20;
/// How long a version must have stood in Staging.
const SOAK: Duration = Duration::from_secs(1);

impl Bench {
    /// All rows of the registry but those about watching.
    pub(crate) async fn registry(&self) -> Vec<Figure> {
        let one = self.versions(1).await;
        let many = self.versions(8).await;
        let decided = self.moves(if self.quick { 20 } else { 200 }).await;
        let (failed, crowded) = self.promotions().await;
        vec![
            Figure::new("versions registered, 1 client", one, "/s"),
            Figure::new("versions registered, 8 clients", many, "/s"),
            Figure::new("transition with five rules, median", decided, "ms").at_least(10.0),
            Figure::new("8 promotions at once: calls that fail", failed, "%"),
            Figure::new(
                "8 promotions at once: rounds that leave several",
                crowded,
                "%",
            ),
        ]
    }

    /// Versions registered a second by clients with a model and a run each.
    async fn versions(&self, clients: u64) -> f64 {
        let work = async |channel: Channel, end| {
            let model = Registered::create(channel).await;
            let mut made = 0;
            while Instant::now() < end {
                model.register().await;
                made += 1;
            }
            made
        };
        self.rate(clients, work).await
    }

    /// Milliseconds of a move to Production by five rules that hold; the median of some.
    async fn moves(&self, count: usize) -> f64 {
        let model = Registered::create(self.connect().await).await;
        let mut versions = Vec::new();
        for _ in 0..count {
            let version = model.register().await;
            model.promote(version, "Staging").await.unwrap();
            versions.push(version);
        }
        model.check(versions[0]).await;
        model.set_rules().await;
        tokio::time::sleep(SOAK).await;
        let mut times = Vec::with_capacity(count);
        for version in versions {
            let start = Instant::now();
            model.promote(version, "Production").await.unwrap();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        median(times)
    }

    /// Of promotions of other versions at once, how many in a hundred fail without being told who was faster,
    /// and after how many rounds in a hundred several versions stand in Production.
    async fn promotions(&self) -> (f64, f64) {
        let model = Registered::create(self.connect().await).await;
        for _ in 0..AT_ONCE {
            model.register().await;
        }
        let mut channels = Vec::new();
        for _ in 0..AT_ONCE {
            channels.push(self.connect().await);
        }
        let (mut failed, mut crowded) = (0, 0);
        for _ in 0..ROUNDS {
            let calls = channels.iter().zip(1..).map(|(channel, version)| {
                let model = model.over(channel.clone());
                async move { model.promote(version, "Production").await }
            });
            let calls: FuturesUnordered<_> = calls.collect();
            let answers: Vec<_> = calls.collect().await;
            failed += answers
                .iter()
                .filter(|answer| {
                    let overtaken = [Code::Aborted, Code::FailedPrecondition];
                    matches!(answer, Err(status) if !overtaken.contains(&status.code()))
                })
                .count();
            crowded += usize::from(model.in_production().await > 1);
        }
        let calls = ROUNDS * usize::try_from(AT_ONCE).unwrap();
        let percent = |part: usize, of: usize| part as f64 * 100.0 / of as f64;
        (percent(failed, calls), percent(crowded, ROUNDS))
    }
}

/// A model with a run of 20 params and metrics and a file, from which versions are registered.
#[derive(Clone)]
pub(crate) struct Registered {
    channel: Channel,
    pub(crate) name: String,
    source: String,
}

impl Registered {
    pub(crate) async fn create(channel: Channel) -> Self {
        let mut runs = RunServiceClient::new(channel.clone());
        let request = CreateRunRequest {
            params: (0..20).map(|n| (format!("p{n}"), n.to_string())).collect(),
            ..Default::default()
        };
        let run = runs.create_run(request).await.unwrap();
        let run_id = run.into_inner().run.unwrap().id;
        let metric = |n| Metric {
            key: format!("m{n}"),
            value: 0.5,
            ..Default::default()
        };
        let request = LogBatchRequest {
            run_id: run_id.clone(),
            metrics: (0..20).map(metric).collect(),
            ..Default::default()
        };
        runs.log_batch(request).await.unwrap();
        let header = ArtifactHeader {
            run_id: run_id.clone(),
            path: "model/weights.bin".to_owned(),
            ..Default::default()
        };
        let content = run_id.clone().into_bytes().into();
        let upload = [Upload::Header(header), Upload::Chunk(content)];
        let upload = upload.map(|message| UploadArtifactRequest {
            message: Some(message),
        });
        let mut artifacts = ArtifactServiceClient::new(channel.clone());
        let upload = futures::stream::iter(upload);
        artifacts.upload_artifact(upload).await.unwrap();
        let name = format!("model-{run_id}");
        let request = CreateModelRequest {
            name: name.clone(),
            ..Default::default()
        };
        let mut models = ModelServiceClient::new(channel.clone());
        models.create_model(request).await.unwrap();
        Self {
            channel,
            name,
            source: format!("runs:/{run_id}/model"),
        }
    }

    /// The same over another connection.
    fn over(&self, channel: Channel) -> Self {
        Self {
            channel,
            ..self.clone()
        }
    }

    /// Registers a version; its number.
    pub(crate) async fn register(&self) -> i64 {
        let request = CreateVersionRequest {
            model: self.name.clone(),
            source: self.source.clone(),
            tags: [("approved-by".to_owned(), "bo".to_owned())].into(),
            ..Default::default()
        };
        let mut versions = VersionServiceClient::new(self.channel.clone());
        let made = versions.create_version(request).await.unwrap();
        made.into_inner().version.unwrap().number
    }

    async fn promote(&self, version: i64, to: &str) -> Result<(), tonic::Status> {
        let request = TransitionVersionRequest {
            model: self.name.clone(),
            version,
            to: to.to_owned(),
            ..Default::default()
        };
        let mut moves = TransitionServiceClient::new(self.channel.clone());
        moves.transition_version(request).await.map(drop)
    }

    /// Reports of the files of a version, which all have, that a check passed.
    async fn check(&self, version: i64) {
        let request = ReportCheckRequest {
            model: self.name.clone(),
            version,
            name: "latency".to_owned(),
            passed: true,
            ..Default::default()
        };
        let mut checks = CheckServiceClient::new(self.channel.clone());
        checks.report_check(request).await.unwrap();
    }

    /// Asks five rules of what goes to Production.
    async fn set_rules(&self) {
        let mut models = ModelServiceClient::new(self.channel.clone());
        let request = GetPolicyRequest {
            model: self.name.clone(),
        };
        let policy = models.get_policy(request).await.unwrap().into_inner();
        let mut policy = policy.policy.unwrap();
        let duration = prost_types::Duration {
            seconds: i64::try_from(SOAK.as_secs()).unwrap(),
            nanos: 0,
        };
        let asks = [
            Asks::MetricThreshold(MetricThreshold {
                metric: "m0".to_owned(),
                comparison: Comparison::AtLeast.into(),
                threshold: 0.5,
            }),
            Asks::RequiredTags(RequiredTags {
                keys: vec!["approved-by".to_owned()],
            }),
            Asks::RequiredChecks(RequiredChecks {
                names: vec!["latency".to_owned()],
            }),
            Asks::MinimumSoak(MinimumSoak {
                duration: Some(duration),
            }),
            Asks::Cel(Expression {
                expression: "metrics.all(key, metrics[key] <= 0.5)".to_owned(),
                message: "no metric may be above 0.5".to_owned(),
            }),
        ];
        let rules = asks.into_iter().zip(1..).map(|(asks, number)| Rule {
            name: format!("rule-{number}"),
            rule: Some(asks),
        });
        let into = policy.moves.iter_mut();
        for step in into.filter(|step| step.to == "Production") {
            step.rules = rules.clone().collect();
        }
        let request = SetPolicyRequest {
            model: self.name.clone(),
            policy: Some(policy),
        };
        models.set_policy(request).await.unwrap();
    }

    /// How many versions stand in Production.
    async fn in_production(&self) -> usize {
        let request = GetModelRequest {
            name: self.name.clone(),
            ..Default::default()
        };
        let mut models = ModelServiceClient::new(self.channel.clone());
        let model = models.get_model(request).await.unwrap().into_inner();
        let stages = model.model.unwrap().stages;
        let mut stages = stages.into_iter();
        let found = stages.find(|content| content.stage == "Production");
        found.map_or(0, |content| content.versions.len())
    }
}
