//! How soon the last of many watchers of the registry hears of a change.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_proto::registry::v1::{
    CreateModelRequest, WatchRequest, WatchResponse, model_service_client::ModelServiceClient,
    transition_service_client::TransitionServiceClient, watch_response::Event,
};
use tonic::{Streaming, transport::Channel};

/// Watchers that wait at a time to be let in.
const OPENING: usize = 64;

/// Milliseconds from the call that makes a change to the moment in which the last of `count` watchers,
/// spread over `channels`, was told of it; the median of `changes` changes.
pub(crate) async fn last_told(channels: &[Channel], count: usize, changes: usize) -> f64 {
    let open = futures::stream::iter(0..count).map(|number| {
        let mut client = TransitionServiceClient::new(channels[number % channels.len()].clone());
        async move {
            let watch = client.watch(WatchRequest::default()).await;
            let mut events = watch.unwrap().into_inner();
            // The first says where it begins.
            events.next().await.unwrap().unwrap();
            events
        }
    });
    let mut watchers: Vec<_> = open.buffer_unordered(OPENING).collect().await;
    let mut models = ModelServiceClient::new(channels[0].clone());
    let mut times = Vec::with_capacity(changes);
    for _ in 0..changes {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO);
        let request = CreateModelRequest {
            name: format!("watched-{}", since.as_nanos()),
            ..Default::default()
        };
        let start = Instant::now();
        let told: FuturesUnordered<_> = watchers.iter_mut().map(told).collect();
        let (made, ()) = tokio::join!(models.create_model(request), told.collect::<()>());
        made.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    crate::median(times)
}

/// Waits until a watcher is told of a change.
async fn told(events: &mut Streaming<WatchResponse>) {
    loop {
        let event = events.next().await.unwrap().unwrap().event;
        if matches!(event, Some(Event::Record(_))) {
            return;
        }
    }
}
