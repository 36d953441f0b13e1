//! Herdbook, as an import writes to it and a check reads it: the generated clients.

mod artifacts;
mod registry;
mod runs;

use std::time::Duration;

use herdbook_client::Connection;
use herdbook_core::limits::MESSAGE_BYTES;
use herdbook_proto::{
    registry::v1::{
        model_service_client::ModelServiceClient,
        transition_service_client::TransitionServiceClient,
        version_service_client::VersionServiceClient,
    },
    tracking::v1::{
        artifact_service_client::ArtifactServiceClient,
        experiment_service_client::ExperimentServiceClient,
        logged_model_service_client::LoggedModelServiceClient,
        metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
    },
};
use prost_types::{FieldMask, Timestamp};
use tonic::{Code, Response, Status};

pub(crate) use artifacts::Owner;

/// Attempts at a call while the server is away.
const ATTEMPTS: u32 = 8;

/// A workspace of a running Herdbook.
#[derive(Clone)]
pub(crate) struct Destination {
    experiments: ExperimentServiceClient<Connection>,
    runs: RunServiceClient<Connection>,
    metrics: MetricServiceClient<Connection>,
    artifacts: ArtifactServiceClient<Connection>,
    logged_models: LoggedModelServiceClient<Connection>,
    models: ModelServiceClient<Connection>,
    versions: VersionServiceClient<Connection>,
    transitions: TransitionServiceClient<Connection>,
}

impl Destination {
    pub(crate) fn new(to: Connection) -> Self {
        Self {
            experiments: ExperimentServiceClient::new(to.clone()),
            runs: RunServiceClient::new(to.clone()).max_decoding_message_size(MESSAGE_BYTES),
            metrics: MetricServiceClient::new(to.clone()).max_decoding_message_size(MESSAGE_BYTES),
            artifacts: ArtifactServiceClient::new(to.clone()),
            logged_models: LoggedModelServiceClient::new(to.clone())
                .max_decoding_message_size(MESSAGE_BYTES),
            models: ModelServiceClient::new(to.clone()),
            versions: VersionServiceClient::new(to.clone())
                .max_decoding_message_size(MESSAGE_BYTES),
            transitions: TransitionServiceClient::new(to),
        }
    }
}

/// A call of a client with a request, made again while the server is away.
macro_rules! call {
    ($client:expr, $method:ident, $request:expr) => {
        $crate::destination::again(|| {
            let (mut client, request) = ($client.clone(), $request.clone());
            async move { client.$method(request).await }
        })
    };
}
use call;

/// Calls again while the server is away: every call of an import may be repeated.
async fn again<T, F: Future<Output = Result<Response<T>, Status>>>(
    call: impl Fn() -> F,
) -> Result<T, Status> {
    let mut wait = Duration::from_millis(100);
    for _ in 1..ATTEMPTS {
        match call().await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::Aborted) => {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            answer => return answer.map(Response::into_inner),
        }
    }
    call().await.map(Response::into_inner)
}

/// Whether a refusal is about the one record, and others may well be taken.
pub(crate) fn concerns_the_record(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::NotFound
            | Code::OutOfRange
    )
}

/// A time of the source as the contract has it.
pub(crate) fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp {
        seconds: milliseconds.div_euclid(1_000),
        // Less than a second, so it fits.
        nanos: i32::try_from(milliseconds.rem_euclid(1_000) * 1_000_000).unwrap_or_default(),
    }
}

/// A time of the contract as the source has it.
pub(crate) fn milliseconds(time: &Timestamp) -> i64 {
    time.seconds
        .saturating_mul(1_000)
        .saturating_add(i64::from(time.nanos) / 1_000_000)
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask {
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    })
}
