//! How fast references are resolved while versions are promoted beside it.

use std::time::Instant;

use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_proto::{
    registry::v1::{
        CreateModelRequest, CreateVersionRequest, ResolveVersionRequest, TransitionVersionRequest,
        model_service_client::ModelServiceClient, serving_service_client::ServingServiceClient,
        transition_service_client::TransitionServiceClient,
        version_service_client::VersionServiceClient,
    },
    tracking::v1::{
        ArtifactHeader, UploadArtifactRequest, artifact_service_client::ArtifactServiceClient,
        upload_artifact_request::Message as Upload,
    },
};
use tonic::transport::Channel;

use crate::{Bench, median};

const MODEL: &str = "resolved";
/// Connections, and calls under way on each.
const MANY: (usize, usize) = (4, 32);

impl Bench {
    /// Calls of one client that asks again and again: the median in milliseconds; answers a second for many;
    /// and promotions a second that were done beside those.
    pub(crate) async fn resolve(&self) -> (f64, f64, f64) {
        self.register().await;
        let times = ask(self.connect().await, Instant::now() + self.round()).await;
        let one = median(times);
        let (mut answers, mut moves) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds() {
            let (connections, calls) = MANY;
            let mut channels = Vec::new();
            for _ in 0..connections {
                channels.push(self.connect().await);
            }
            let mover = TransitionServiceClient::new(self.connect().await);
            let start = Instant::now();
            let end = start + self.round();
            let asking: FuturesUnordered<_> = (0..connections * calls)
                .map(|call| tokio::spawn(ask(channels[call % connections].clone(), end)))
                .collect();
            let asking = asking.fold(0, async |sum, times| sum + times.unwrap().len());
            let (answered, moved) = tokio::join!(asking, promote(mover, end));
            let elapsed = start.elapsed().as_secs_f64();
            answers.push(answered as f64 / elapsed);
            moves.push(moved as f64 / elapsed);
        }
        (one, median(answers), median(moves))
    }

    /// A model with two versions of one file.
    async fn register(&self) {
        let run_id = self.create_run().await;
        let channel = self.connect().await;
        let message = |message| UploadArtifactRequest {
            message: Some(message),
        };
        let header = ArtifactHeader {
            run_id: run_id.clone(),
            path: "model/weights.bin".to_owned(),
            ..Default::default()
        };
        let messages = [
            message(Upload::Header(header)),
            message(Upload::Chunk(vec![7; 1_000].into())),
        ];
        let mut artifacts = ArtifactServiceClient::new(channel.clone());
        let messages = futures::stream::iter(messages);
        artifacts.upload_artifact(messages).await.unwrap();
        let request = CreateModelRequest {
            name: MODEL.to_owned(),
            ..Default::default()
        };
        let mut models = ModelServiceClient::new(channel.clone());
        models.create_model(request).await.unwrap();
        for _ in 0..2 {
            let request = CreateVersionRequest {
                model: MODEL.to_owned(),
                source: format!("runs:/{run_id}/model"),
                ..Default::default()
            };
            let mut versions = VersionServiceClient::new(channel.clone());
            versions.create_version(request).await.unwrap();
        }
        let mut transitions = TransitionServiceClient::new(channel);
        promote_to(&mut transitions, 1).await;
    }
}

/// Asks until `end`, a call after the other; how long each took, in milliseconds.
async fn ask(channel: Channel, end: Instant) -> Vec<f64> {
    let mut serving = ServingServiceClient::new(channel);
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        if start >= end {
            return times;
        }
        let request = ResolveVersionRequest {
            reference: format!("{MODEL}@Production"),
        };
        serving.resolve_version(request).await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
}

/// Promotes one version and the other in turn until `end`; how often.
async fn promote(mut transitions: TransitionServiceClient<Channel>, end: Instant) -> usize {
    let mut moved = 0;
    while Instant::now() < end {
        for version in [2, 1] {
            promote_to(&mut transitions, version).await;
            moved += 1;
        }
    }
    moved
}

async fn promote_to(transitions: &mut TransitionServiceClient<Channel>, version: i64) {
    let request = TransitionVersionRequest {
        model: MODEL.to_owned(),
        version,
        to: "Production".to_owned(),
        ..Default::default()
    };
    transitions.transition_version(request).await.unwrap();
}
