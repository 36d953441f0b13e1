//! What a move is judged by. Other services are asked before anything is decided: no call to one is made
//! while a lock is held.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use herdbook_core::{Digest, PrincipalId, RunId};
use herdbook_proto::tracking::v1::{
    GetLoggedModelRequest, GetRunRequest, ListArtifactsRequest, ListMetricDefinitionsRequest,
    LoggedModel, MetricGoal, Run, artifact_service_client::ArtifactServiceClient,
    logged_model_service_client::LoggedModelServiceClient,
    metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
};
use herdbook_rpc::{Caller, PeerChannel, Role, Roles};
use tonic::{Code, Status};

use crate::{
    RegistryError,
    descent::{Proof, prove},
    policy::{Asks, Descent, Direction, Rule},
    request::Request,
    signing::PublicKey,
    version::{File, Version},
};

/// Files of a version at most.
const FILES: usize = 100_000;

/// Latest values by the key of the metric.
pub(crate) type Metrics = BTreeMap<String, f64>;

/// What other services said, before the model was locked.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Metrics of the runs that were asked for; `None` if there is no such run any more.
    runs: BTreeMap<RunId, Option<Metrics>>,
    /// What was proved of the version, by what was asked; nothing where lineage does not know it.
    proofs: Vec<(Descent, Proof)>,
    /// What those may do now whose word counts.
    roles: BTreeMap<PrincipalId, Option<Role>>,
    /// The database's time before anything was asked for.
    read_at: DateTime<Utc>,
}

/// What the registry itself knows, read under the model's lock.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The database's time.
    pub(crate) now: DateTime<Utc>,
    /// Versions in the target stage if it has a limit, those that stand there longest first.
    pub(crate) occupants: Vec<Occupant>,
    /// The last report of each check of the version's files, by name.
    pub(crate) checks: BTreeMap<String, Check>,
    /// Signatures of the version, oldest first.
    pub(crate) signatures: Vec<Signature>,
    /// The request for this move that is open.
    pub(crate) request: Option<Request>,
}

/// A signature of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) key: PublicKey,
    pub(crate) bytes: [u8; 64],
    pub(crate) added_by: String,
    pub(crate) added_at: DateTime<Utc>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) passed: bool,
    pub(crate) details: String,
    pub(crate) url: String,
    pub(crate) reported_by: String,
    pub(crate) reported_at: DateTime<Utc>,
}

/// Those who are asked for facts.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) tracking: PeerChannel,
    pub(crate) lineage: PeerChannel,
    pub(crate) roles: Arc<dyn Roles>,
}

/// A version in the target stage.
#[derive(Debug, Clone)]
pub(crate) struct Occupant {
    pub(crate) number: i64,
    /// `None` if it is not known.
    pub(crate) run: Option<RunId>,
    /// As registered.
    pub(crate) metrics: Metrics,
}

impl Facts {
    /// Asks for what `rules` need to judge a move of `version`, given what stands where it goes.
    pub(crate) async fn gather(
        sources: &Sources,
        caller: &Caller,
        rules: &[Rule],
        version: &Version,
        standing: &Standing,
    ) -> Result<Self, RegistryError> {
        let asks = |test: fn(&Asks) -> bool| rules.iter().any(|rule| test(&rule.asks));
        let own = asks(|asks| {
            matches!(
                asks,
                Asks::Metric { .. } | Asks::NoWorse { .. } | Asks::Expression { .. }
            )
        });
        let of_others = asks(|asks| matches!(asks, Asks::NoWorse { .. } | Asks::Expression { .. }));
        let own = version.run.filter(|_| own);
        let others = standing.occupants.iter().filter_map(|other| other.run);
        let others = others.filter(|_| of_others);
        let wanted: BTreeSet<RunId> = own.into_iter().chain(others).collect();
        let asked =
            wanted.into_iter().map(
                async |id| match get_run(&sources.tracking, caller, id).await {
                    Ok(run) => Ok((id, Some(latest(&run)))),
                    Err(RegistryError::RunNotFound(_)) => Ok((id, None)),
                    Err(error) => Err(error),
                },
            );
        Ok(Self {
            runs: try_join_all(asked).await?.into_iter().collect(),
            proofs: proofs(sources, caller, rules, version).await?,
            roles: roles(sources, caller, standing).await?,
            read_at: standing.now,
        })
    }

    /// Facts where no rule asks for any.
    #[cfg(test)]
    pub(crate) fn of_nothing(read_at: DateTime<Utc>) -> Self {
        Self {
            runs: BTreeMap::new(),
            proofs: Vec::new(),
            roles: BTreeMap::new(),
            read_at,
        }
    }

    /// What was proved of the version's descent; `None` if lineage does not know it.
    pub(crate) fn proof(&self, descent: &Descent) -> Option<&Proof> {
        let mut proofs = self.proofs.iter();
        let found = proofs.find(|(asked, _)| asked == descent);
        found.map(|(_, proof)| proof)
    }

    /// What somebody may do now whose word counts; `None` if nothing any more.
    pub(crate) fn role(&self, principal: PrincipalId) -> Option<Role> {
        *self.roles.get(&principal)?
    }

    /// The metrics of a run; `None` if it is not known, gone, or was not asked for.
    pub(crate) fn run(&self, run: Option<RunId>) -> Option<&Metrics> {
        self.runs.get(&run?)?.as_ref()
    }

    /// The latest value of a metric, or why there is none to compare.
    pub(crate) fn metric(&self, run: Option<RunId>, key: &str) -> Result<f64, String> {
        let at = self.read_at.format("%H:%M:%S UTC");
        let Some(run) = run else {
            return Err("the version names no source run".to_owned());
        };
        match self.run(Some(run)).map(|metrics| metrics.get(key)) {
            None => Err(format!(
                "the source run {run} is not there any more, read at {at}"
            )),
            Some(None) => Err(format!(
                "the source run {run} has no metric {key}, read at {at}"
            )),
            Some(Some(value)) if value.is_nan() => {
                Err(format!("{key} is NaN in run {run}, read at {at}"))
            }
            Some(Some(value)) => Ok(*value),
        }
    }
}

/// Proofs of what `rules` ask about the descent of `version`.
async fn proofs(
    sources: &Sources,
    caller: &Caller,
    rules: &[Rule],
    version: &Version,
) -> Result<Vec<(Descent, Proof)>, RegistryError> {
    let asked = rules.iter().filter_map(|rule| match &rule.asks {
        Asks::Lineage(descent) => Some(descent),
        _ => None,
    });
    let asked = asked.map(async |descent| {
        let proof = prove(&sources.lineage, caller, version, descent).await?;
        Ok::<_, RegistryError>(proof.map(|proof| (descent.clone(), proof)))
    });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

/// What the caller, and those who opened and approved the request, may do now.
async fn roles(
    sources: &Sources,
    caller: &Caller,
    standing: &Standing,
) -> Result<BTreeMap<PrincipalId, Option<Role>>, RegistryError> {
    let request = standing.request.iter();
    let others = request.flat_map(|request| {
        let approvers = request.approvals.iter().map(|approval| approval.principal);
        approvers.chain([request.requester])
    });
    let others = others.filter(|principal| *principal != caller.principal);
    let others: BTreeSet<PrincipalId> = others.collect();
    let asked = others.into_iter().map(async |principal| {
        let role = sources.roles.role_of(caller.workspace, principal).await;
        role.map(|role| (principal, role))
            .map_err(RegistryError::Access)
    });
    let known = try_join_all(asked).await?.into_iter();
    Ok(known
        .chain([(caller.principal, Some(caller.role))])
        .collect())
}

/// Latest values of a run's metrics.
pub(crate) fn latest(run: &Run) -> Metrics {
    run.metrics
        .iter()
        .map(|metric| (metric.key.clone(), metric.latest))
        .collect()
}

/// The run `id`.
pub(crate) async fn get_run(
    tracking: &PeerChannel,
    caller: &Caller,
    id: RunId,
) -> Result<Run, RegistryError> {
    let mut client = RunServiceClient::new(tracking.on_behalf_of(caller));
    let answer = client
        .get_run(GetRunRequest {
            run_id: id.to_string(),
        })
        .await;
    let run = answer
        .map_err(|status| Holder::Run(id).unanswered(&status))?
        .into_inner()
        .run;
    run.ok_or_else(|| RegistryError::RunNotFound(id.to_string()))
}

/// Which way the metrics of a run are better, as far as it was defined; nothing of a run that is gone.
pub(crate) async fn directions(
    tracking: &PeerChannel,
    caller: &Caller,
    run: RunId,
) -> Result<BTreeMap<String, Direction>, RegistryError> {
    let mut client = MetricServiceClient::new(tracking.on_behalf_of(caller));
    let request = ListMetricDefinitionsRequest {
        run_id: run.to_string(),
    };
    let definitions = match client.list_metric_definitions(request).await {
        Ok(answer) => answer.into_inner().definitions,
        Err(status) if status.code() == Code::NotFound => Vec::new(),
        Err(status) => return Err(Holder::Run(run).unanswered(&status)),
    };
    let better = definitions.into_iter().filter_map(|definition| {
        let direction = match definition.goal() {
            MetricGoal::Maximize => Direction::Higher,
            MetricGoal::Minimize => Direction::Lower,
            MetricGoal::Unspecified => return None,
        };
        Some((definition.key, direction))
    });
    Ok(better.collect())
}

/// The logged model `id`.
pub(crate) async fn get_logged_model(
    tracking: &PeerChannel,
    caller: &Caller,
    id: &str,
) -> Result<LoggedModel, RegistryError> {
    let mut client = LoggedModelServiceClient::new(tracking.on_behalf_of(caller));
    let request = GetLoggedModelRequest {
        model_id: id.to_owned(),
    };
    let answer = client.get_logged_model(request).await;
    let holder = Holder::LoggedModel(id);
    let model = answer
        .map_err(|status| holder.unanswered(&status))?
        .into_inner()
        .model;
    model.ok_or_else(|| holder.not_found())
}

/// What holds artifacts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holder<'a> {
    Run(RunId),
    LoggedModel(&'a str),
}

impl Holder<'_> {
    fn not_found(self) -> RegistryError {
        match self {
            Self::Run(run) => RegistryError::RunNotFound(run.to_string()),
            Self::LoggedModel(id) => RegistryError::LoggedModelNotFound(id.to_owned()),
        }
    }

    fn unanswered(self, status: &Status) -> RegistryError {
        match status.code() {
            Code::NotFound => self.not_found(),
            Code::InvalidArgument => {
                herdbook_proto::InvalidRequest::field("source", status.message()).into()
            }
            _ => RegistryError::TrackingUnavailable(status.message().to_owned()),
        }
    }
}

/// The artifacts of a holder at `path`, with paths relative to it; a single file keeps its name.
pub(crate) async fn list_files(
    tracking: &PeerChannel,
    caller: &Caller,
    holder: Holder<'_>,
    path: &str,
) -> Result<Vec<File>, RegistryError> {
    let (run_id, logged_model_id) = match holder {
        Holder::Run(run) => (run.to_string(), String::new()),
        Holder::LoggedModel(id) => (String::new(), id.to_owned()),
    };
    let mut client = ArtifactServiceClient::new(tracking.on_behalf_of(caller));
    let mut files = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListArtifactsRequest {
            run_id: run_id.clone(),
            logged_model_id: logged_model_id.clone(),
            path: path.to_owned(),
            page_size: 1_000,
            page_token,
        };
        let page = client.list_artifacts(request).await;
        let page = page
            .map_err(|status| holder.unanswered(&status))?
            .into_inner();
        for file in page.files {
            let digest = file
                .digest
                .parse::<Digest>()
                .map_err(|_| RegistryError::Damaged)?;
            let size = u64::try_from(file.size).map_err(|_| RegistryError::Damaged)?;
            files.push(File {
                path: relative(&file.path, path),
                size,
                digest,
            });
        }
        if files.len() > FILES {
            let what =
                format!("has over {FILES} files; register a smaller folder, or an archive of it");
            return Err(herdbook_proto::InvalidRequest::field("source", what).into());
        }
        if page.next_page_token.is_empty() {
            files.sort_by(|a, b| a.path.cmp(&b.path));
            return Ok(files);
        }
        page_token = page.next_page_token;
    }
}

fn relative(file: &str, folder: &str) -> String {
    if folder.is_empty() {
        return file.to_owned();
    }
    match file
        .strip_prefix(folder)
        .and_then(|rest| rest.strip_prefix('/'))
    {
        Some(inside) => inside.to_owned(),
        None => file.rsplit('/').next().unwrap_or(file).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn files_are_named_from_the_folder_registered() {
        assert_eq!(relative("model/weights.bin", "model"), "weights.bin");
        assert_eq!(relative("out/model/a/b", "out/model"), "a/b");
        assert_eq!(relative("model.pkl", "model.pkl"), "model.pkl");
        assert_eq!(relative("out/model.pkl", "out/model.pkl"), "model.pkl");
        assert_eq!(relative("a/b", ""), "a/b");
    }
}
