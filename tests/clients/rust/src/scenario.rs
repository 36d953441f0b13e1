//! What every client of Herdbook has to be able to do.

use std::{env, error::Error, io::Cursor};

use herdbook_client::{CreateRunRequest, Herdbook, Options};
use herdbook_proto::{
    access::v1::GetCallerRequest,
    common::v1::Lifecycle,
    lineage::v1::GetAncestorsRequest,
    registry::v1::{
        AuditAction, AuditRecord, Comparison, CreateModelRequest, CreateVersionRequest, Decision,
        GetPolicyRequest, MetricThreshold, Outcome as Decided, Rule, SetAliasRequest,
        SetPolicyRequest, TransitionVersionRequest, Version, WatchRequest, rule::Rule as Asks,
    },
    tracking::v1::{
        CreateExperimentRequest, DeleteRunRequest, GetCurvesRequest, GetRunRequest,
        LogBatchRequest, Metric, Run, SearchRunsRequest,
    },
};
use tonic::Code;

use crate::{Outcome, ask, expect};

pub(crate) const STEPS: [&str; 21] = [
    "connect",
    "tls",
    "create",
    "stream",
    "params",
    "artifact",
    "curve",
    "search",
    "register",
    "refused",
    "granted",
    "watch",
    "lineage",
    "restart",
    "deadline",
    "too-large",
    "newer",
    "older",
    "delete",
    "token",
    "nobody",
];
pub(crate) const POINTS: i64 = 10_000;
const ARTIFACT_BYTES: usize = 20_000_000;

pub(crate) struct Scenario {
    pub(crate) herdbook: Herdbook,
    pub(crate) run: String,
    name: String,
    experiment: i64,
    model: String,
    version: Version,
}

impl Scenario {
    pub(crate) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self {
            herdbook: Herdbook::connect(Options::from_env())?,
            run: String::new(),
            name: env::var("CONFORMANCE_NAME")?,
            experiment: 0,
            model: String::new(),
            version: Version::default(),
        })
    }

    pub(crate) async fn run(&mut self, step: &str) -> Outcome {
        match step {
            "connect" => self.connect().await,
            "tls" => self.tls().await,
            "create" => self.create().await,
            "stream" => self.log("loss", "cut").await,
            "params" => self.params().await,
            "artifact" => self.artifact().await,
            "curve" => self.curve().await,
            "search" => self.search().await,
            "register" => self.register().await,
            "refused" => self.refused().await,
            "granted" => self.granted().await,
            "watch" => self.watch().await,
            "lineage" => self.lineage().await,
            "restart" => self.log("val_loss", "restart").await,
            "deadline" => self.deadline().await,
            "too-large" => self.too_large().await,
            "newer" => self.newer().await,
            "older" => self.older().await,
            "delete" => self.delete().await,
            "token" => self.token().await,
            "nobody" => self.nobody().await,
            _ => Err(format!("{step}: no step of the scenario").into()),
        }
    }

    async fn connect(&mut self) -> Outcome {
        let caller = self.herdbook.call(GetCallerRequest {}).await?;
        self.unauthenticated("").await?;
        Ok(format!("as {}", caller.principal))
    }

    async fn create(&mut self) -> Outcome {
        let request = CreateExperimentRequest {
            name: format!("{}-conformance", self.name),
            ..Default::default()
        };
        let made = self.herdbook.call(request).await?.experiment;
        self.experiment = made.unwrap_or_default().id;
        let request = CreateRunRequest {
            experiment_id: self.experiment,
            name: "scenario".to_owned(),
            ..Default::default()
        };
        self.run = self
            .herdbook
            .call(request)
            .await?
            .run
            .unwrap_or_default()
            .id;
        Ok(format!("run {}", self.run))
    }

    async fn params(&mut self) -> Outcome {
        let params = [("lr", "0.01"), ("optimizer", "sgd")];
        let params = params.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let request = LogBatchRequest {
            run_id: self.run.clone(),
            params: params.into(),
            ..Default::default()
        };
        self.herdbook.call(request).await?;
        let kept = self.get().await?.params;
        let holds = kept.len() == 2 && kept["lr"] == "0.01";
        expect(holds, || format!("params are {kept:?}"))?;
        Ok("2 params".to_owned())
    }

    async fn artifact(&mut self) -> Outcome {
        let byte = |index: usize| (index * 31 + index / 251).to_le_bytes()[0];
        let content: Vec<u8> = (0..ARTIFACT_BYTES).map(byte).collect();
        let path = "model/weights.bin";
        let up = Cursor::new(content.clone());
        self.herdbook.upload_artifact(&self.run, path, up).await?;
        let mut down = Vec::new();
        let file = self
            .herdbook
            .download_artifact(&self.run, path, &mut down)
            .await?;
        expect(down == content, || "other bytes came back".to_owned())?;
        Ok(format!("{} bytes, {:.19}", down.len(), file.digest))
    }

    async fn curve(&mut self) -> Outcome {
        let request = GetCurvesRequest {
            run_ids: vec![self.run.clone()],
            keys: vec!["loss".to_owned()],
            buckets: 100,
            ..Default::default()
        };
        let curves = self.herdbook.call(request).await?.curves;
        let counts = &curves.first().ok_or("no curve")?.count;
        let points: u64 = counts.iter().sum();
        let holds = counts.len() <= 100 && points == POINTS.unsigned_abs();
        expect(holds, || {
            format!("{} buckets, {points} points", counts.len())
        })?;
        Ok(format!("{} buckets", counts.len()))
    }

    async fn search(&mut self) -> Outcome {
        let request = SearchRunsRequest {
            experiment_ids: vec![self.experiment],
            filter: "params.lr = '0.01' and metrics.loss > 1".to_owned(),
            ..Default::default()
        };
        let found = self.herdbook.call(request).await?.runs;
        let holds = found.len() == 1 && found[0].id == self.run;
        expect(holds, || format!("{} runs found", found.len()))?;
        Ok("1 run".to_owned())
    }

    async fn register(&mut self) -> Outcome {
        self.model = format!("{}-model", self.name);
        self.accuracy(0.8, 0).await?;
        let request = CreateModelRequest {
            name: self.model.clone(),
            ..Default::default()
        };
        self.herdbook.call(request).await?;
        let model = self.model.clone();
        let policy = self.herdbook.call(GetPolicyRequest { model }).await?.policy;
        let mut policy = policy.ok_or("no policy")?;
        let to_production = policy
            .moves
            .iter_mut()
            .filter(|each| each.to == "Production");
        for each in to_production {
            each.rules.push(Rule {
                name: "accurate-enough".to_owned(),
                rule: Some(Asks::MetricThreshold(MetricThreshold {
                    metric: "accuracy".to_owned(),
                    comparison: Comparison::AtLeast.into(),
                    threshold: 0.9,
                })),
            });
        }
        let request = SetPolicyRequest {
            model: self.model.clone(),
            policy: Some(policy),
        };
        self.herdbook.call(request).await?;
        let request = CreateVersionRequest {
            model: self.model.clone(),
            source: format!("runs:/{}/model", self.run),
            ..Default::default()
        };
        let made = self.herdbook.call(request).await?.version;
        self.version = made.unwrap_or_default();
        let files = &self.version.files;
        let size = i64::try_from(ARTIFACT_BYTES)?;
        let holds = files.len() == 1 && files[0].size == size;
        expect(holds, || format!("files are {files:?}"))?;
        Ok(format!("{}/{}", self.model, self.version.number))
    }

    async fn refused(&mut self) -> Outcome {
        let Err(error) = self.promote().await else {
            return Err("it was not refused".into());
        };
        let failed = error.failed().ok_or("no answer of the server")?;
        let holds = failed.code == Code::FailedPrecondition
            && matches!(&failed.failures[..], [rule] if rule.description.contains("accurate-enough"));
        expect(holds, || format!("refused by {failed:?}"))?;
        Ok(failed.failures[0].description.clone())
    }

    async fn granted(&mut self) -> Outcome {
        self.accuracy(0.95, 1).await?;
        let outcome = self.promote().await?;
        expect(outcome == Decided::Allowed, || {
            format!("outcome {outcome:?}")
        })?;
        let reference = format!("{}@Production", self.model);
        let found = self.herdbook.resolve(&reference).await?.number;
        expect(found == self.version.number, || format!("version {found}"))?;
        Ok(format!("{reference} is version {found}"))
    }

    async fn watch(&mut self) -> Outcome {
        let revision = self.version.revision;
        let (listed, mut relisted) = tokio::sync::mpsc::unbounded_channel();
        let request = WatchRequest {
            model: self.model.clone(),
            after_revision: Some(1_000_000_000_000),
            ..Default::default()
        };
        let mut changes = self.herdbook.watch(request).relisting(move || {
            let told = listed.send(());
            async move { Ok(told.map_or(0, |()| revision)) }
        });
        let outcome = |record: &AuditRecord| record.decision.as_ref().map(Decision::outcome);
        let first = changes.next().await?;
        let holds = outcome(&first) == Some(Decided::Refused);
        expect(holds, || format!("first {first:?}"))?;
        ask("drop")?;
        let request = SetAliasRequest {
            model: self.model.clone(),
            alias: "champion".to_owned(),
            version: self.version.number,
        };
        self.herdbook.call(request).await?;
        let second = changes.next().await?;
        let holds = outcome(&second) == Some(Decided::Allowed);
        expect(holds, || format!("second {second:?}"))?;
        let third = changes.next().await?;
        let holds = third.action() == AuditAction::SetAlias;
        expect(holds, || format!("third {third:?}"))?;
        drop(changes);
        let mut times = 0;
        while relisted.recv().await.is_some() {
            times += 1;
        }
        expect(times == 1, || format!("listed again {times} times"))?;
        Ok("3 events, each once; listed again 1 time".to_owned())
    }

    async fn lineage(&mut self) -> Outcome {
        ask("lineage")?;
        let request = GetAncestorsRequest {
            node: format!("model_version:{}@{}", self.model, self.version.number),
            ..Default::default()
        };
        let graph = self.herdbook.call(request).await?.graph.unwrap_or_default();
        let keys = graph
            .nodes
            .iter()
            .filter_map(|found| found.node.as_ref()?.key.as_ref());
        let found = keys
            .clone()
            .any(|key| key.kind == "run" && key.name == self.run);
        expect(found, || "its run is not among them".to_owned())?;
        Ok(format!("{} nodes", graph.nodes.len()))
    }

    async fn delete(&mut self) -> Outcome {
        let run_id = self.run.clone();
        self.herdbook.call(DeleteRunRequest { run_id }).await?;
        let lifecycle = self.get().await?.lifecycle();
        let holds = lifecycle == Lifecycle::Deleted;
        expect(holds, || format!("lifecycle {lifecycle:?}"))?;
        Ok("deleted".to_owned())
    }

    async fn get(&self) -> Result<Run, herdbook_client::Error> {
        let run_id = self.run.clone();
        let found = self.herdbook.call(GetRunRequest { run_id }).await?;
        Ok(found.run.unwrap_or_default())
    }

    async fn accuracy(&self, value: f64, step: i64) -> Result<(), herdbook_client::Error> {
        let point = Metric {
            key: "accuracy".to_owned(),
            value,
            step,
            ..Default::default()
        };
        let request = LogBatchRequest {
            run_id: self.run.clone(),
            metrics: vec![point],
            ..Default::default()
        };
        self.herdbook.call(request).await.map(|_| ())
    }

    async fn promote(&self) -> Result<Decided, herdbook_client::Error> {
        let request = TransitionVersionRequest {
            model: self.model.clone(),
            version: self.version.number,
            to: "Production".to_owned(),
            ..Default::default()
        };
        let decision = self.herdbook.call(request).await?.decision;
        Ok(decision.unwrap_or_default().outcome())
    }
}
