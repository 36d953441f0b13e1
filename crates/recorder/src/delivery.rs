//! Delivery: entries of an outbox as calls of `Record`.

use herdbook_postgres::{
    Outbox,
    outbox::{Entry, Undelivered},
};
use herdbook_proto::lineage::v1::{RecordRequest, lineage_service_client::LineageServiceClient};
use herdbook_rpc::PeerChannel;
use prost::Message as _;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tonic::Code;

/// Nodes, and edges, of one call at most, as lineage takes them.
const ENTRIES: usize = 10_000;
/// Bytes of a call from which on it is full: half of what a server takes, as one node may follow.
const BYTES: usize = herdbook_core::limits::MESSAGE_BYTES / 2;

/// Tells lineage what stands in the outbox of `service`, until `shutdown`.
pub async fn relay(
    service: &'static str,
    outbox: Outbox,
    pool: PgPool,
    lineage: PeerChannel,
    shutdown: CancellationToken,
) {
    let deliver = |entries| tell(service, &lineage, entries);
    outbox.relay(&pool, &shutdown, deliver).await;
}

/// Tells lineage of entries of one workspace, in as few calls as will do.
async fn tell(
    service: &str,
    lineage: &PeerChannel,
    entries: Vec<Entry>,
) -> Result<(), Undelivered> {
    let Some(workspace) = entries.first().map(|entry| entry.workspace) else {
        return Ok(());
    };
    let mut news = RecordRequest::default();
    for entry in entries {
        // Appends to what is there, as merging messages does.
        news.merge(entry.payload.as_slice())
            .map_err(|error| Undelivered::Refused(error.to_string()))?;
    }
    let mut client = LineageServiceClient::new(lineage.as_service(service, workspace));
    for call in calls(news) {
        client.record(call).await.map_err(|status| {
            let reason = format!("{:?}: {}", status.code(), status.message());
            match status.code() {
                Code::InvalidArgument | Code::FailedPrecondition => Undelivered::Refused(reason),
                _ => Undelivered::Later(reason),
            }
        })?;
    }
    Ok(())
}

/// The news in calls that lineage takes, nodes before the edges between them. What a call left out another
/// brings; recording the first ones again changes nothing.
fn calls(news: RecordRequest) -> Vec<RecordRequest> {
    let mut calls = vec![RecordRequest::default()];
    let mut bytes = 0;
    let mut room =
        |calls: &mut Vec<RecordRequest>, size: usize, count: fn(&RecordRequest) -> usize| {
            bytes += size;
            if bytes > BYTES || calls.last().is_none_or(|call| count(call) == ENTRIES) {
                calls.push(RecordRequest::default());
                bytes = size;
            }
        };
    for node in news.nodes {
        room(&mut calls, node.encoded_len(), |call| call.nodes.len());
        if let Some(call) = calls.last_mut() {
            call.nodes.push(node);
        }
    }
    for edge in news.edges {
        room(&mut calls, edge.encoded_len(), |call| call.edges.len());
        if let Some(call) = calls.last_mut() {
            call.edges.push(edge);
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use herdbook_proto::lineage::v1::{Edge, EdgeType, Node};
    use proptest::prelude::*;

    use super::*;
    use crate::key;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn calls_are_within_bounds_and_lose_nothing(
            nodes in 0_usize..25_000, edges in 0_usize..25_000, long in 0_usize..60,
        ) {
            let node = |n: usize| Node {
                key: Some(key("dataset", &format!("n{n}"), "")),
                attributes: (0..6)
                    .filter(|_| n < long)
                    .map(|fact| (format!("fact{fact}"), "x".repeat(64 * 1024)))
                    .collect(),
                ..Default::default()
            };
            let edge = |n: usize| Edge {
                source: Some(key("dataset", &format!("n{n}"), "")),
                target: Some(key("dataset", &format!("n{}", n + 1), "")),
                r#type: EdgeType::DerivedFrom.into(),
                ..Default::default()
            };
            let news = RecordRequest {
                nodes: (0..nodes).map(node).collect(),
                edges: (0..edges).map(edge).collect(),
                ..Default::default()
            };
            let calls = calls(news.clone());
            let mut together = RecordRequest::default();
            for call in calls {
                prop_assert!(call.nodes.len() <= ENTRIES && call.edges.len() <= ENTRIES);
                prop_assert!(call.encoded_len() < herdbook_core::limits::MESSAGE_BYTES);
                together.nodes.extend(call.nodes);
                together.edges.extend(call.edges);
            }
            prop_assert_eq!(together, news);
        }
    }
}
