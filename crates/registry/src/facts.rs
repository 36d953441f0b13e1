//! Facts from tracking, gathered before anything is decided: no call to another service is made while
//! a lock is held.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_core::{Digest, RunId};
use herdbook_proto::tracking::v1::{
    GetRunRequest, ListArtifactsRequest, Run, artifact_service_client::ArtifactServiceClient,
    run_service_client::RunServiceClient,
};
use herdbook_rpc::{Caller, PeerChannel};
use tonic::{Code, Status};

use crate::{RegistryError, version::File};

/// Files of a version at most.
const FILES: usize = 100_000;

/// What tracking says of the source run of a version.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Latest values by metric; `None` if there is no such run any more.
    metrics: Option<BTreeMap<String, f64>>,
    run: RunId,
    read_at: DateTime<Utc>,
}

impl Facts {
    /// Facts for moves whose rules ask for none.
    pub(crate) fn unasked(run: RunId) -> Self {
        Self {
            metrics: Some(BTreeMap::new()),
            run,
            read_at: Utc::now(),
        }
    }

    /// Asks tracking about `run`.
    pub(crate) async fn gather(
        tracking: &PeerChannel,
        caller: &Caller,
        run: RunId,
    ) -> Result<Self, RegistryError> {
        let found = get_run(tracking, caller, run).await;
        let metrics = match found {
            Ok(run) => Some(latest(&run)),
            Err(RegistryError::RunNotFound(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            metrics,
            run,
            read_at: Utc::now(),
        })
    }

    /// The latest value of a metric, or why there is none to compare.
    pub(crate) fn metric(&self, key: &str) -> Result<f64, String> {
        let run = self.run;
        let at = self.read_at.format("%H:%M:%S UTC");
        match self.metrics.as_ref().map(|metrics| metrics.get(key)) {
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

/// Latest values of a run's metrics.
pub(crate) fn latest(run: &Run) -> BTreeMap<String, f64> {
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
        .map_err(|status| unanswered(&status, id))?
        .into_inner()
        .run;
    run.ok_or_else(|| RegistryError::RunNotFound(id.to_string()))
}

/// The artifacts of a run at `path`, with paths relative to it; a single file keeps its name.
pub(crate) async fn list_files(
    tracking: &PeerChannel,
    caller: &Caller,
    run: RunId,
    path: &str,
) -> Result<Vec<File>, RegistryError> {
    let mut client = ArtifactServiceClient::new(tracking.on_behalf_of(caller));
    let mut files = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListArtifactsRequest {
            run_id: run.to_string(),
            path: path.to_owned(),
            page_size: 1_000,
            page_token,
        };
        let page = client.list_artifacts(request).await;
        let page = page
            .map_err(|status| unanswered(&status, run))?
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

fn unanswered(status: &Status, run: RunId) -> RegistryError {
    match status.code() {
        Code::NotFound => RegistryError::RunNotFound(run.to_string()),
        Code::InvalidArgument => {
            herdbook_proto::InvalidRequest::field("source", status.message()).into()
        }
        _ => RegistryError::TrackingUnavailable(status.message().to_owned()),
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
