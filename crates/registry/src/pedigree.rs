//! What lineage is told of a version, through the outbox.

use std::collections::HashMap;

use herdbook_postgres::{
    Outbox,
    outbox::{Entry, Undelivered},
};
use herdbook_proto::lineage::v1::{
    Edge, EdgeType, Node, NodeKey, RecordRequest, lineage_service_client::LineageServiceClient,
};
use herdbook_rpc::PeerChannel;
use prost::Message as _;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::version::Version;

/// Name under which this service's relay calls.
const SERVICE: &str = "registry";

/// A new version and what it came from.
pub(crate) fn of_version(version: &Version) -> RecordRequest {
    let target = key("model_version", &version.model, &version.number.to_string());
    let edge = |source, edge_type: EdgeType, label: &str| Edge {
        source: Some(source),
        target: Some(target.clone()),
        r#type: edge_type.into(),
        label: label.to_owned(),
    };
    let run = key("run", &version.run.to_string(), "");
    let mut edges = vec![edge(run, EdgeType::Generated, &version.source)];
    let bases = version
        .based_on
        .iter()
        .filter_map(|base| base.rsplit_once('/'));
    edges.extend(bases.map(|(model, number)| {
        edge(
            key("model_version", model, number),
            EdgeType::DerivedFrom,
            "based-on",
        )
    }));
    RecordRequest {
        nodes: vec![node(version)],
        edges,
        ..RecordRequest::default()
    }
}

/// A version whose own facts changed, its stage above all.
pub(crate) fn of_change(version: &Version) -> RecordRequest {
    RecordRequest {
        nodes: vec![node(version)],
        ..RecordRequest::default()
    }
}

fn node(version: &Version) -> Node {
    let attributes = HashMap::from([
        ("model".to_owned(), version.model.clone()),
        ("version".to_owned(), version.number.to_string()),
        ("label".to_owned(), version.label.clone()),
        ("stage".to_owned(), version.stage.clone()),
        ("digest".to_owned(), version.digest.to_string()),
        ("run_id".to_owned(), version.run.to_string()),
        ("created_by".to_owned(), version.created_by.clone()),
    ]);
    Node {
        key: Some(key(
            "model_version",
            &version.model,
            &version.number.to_string(),
        )),
        attributes,
        tags: Vec::new(),
        revision: version.revision,
        recorded_at: None,
    }
}

fn key(kind: &str, name: &str, version: &str) -> NodeKey {
    NodeKey {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

/// Tells lineage what stands in the outbox, until `shutdown`.
pub(crate) async fn relay(
    outbox: Outbox,
    pool: PgPool,
    lineage: PeerChannel,
    shutdown: CancellationToken,
) {
    outbox
        .relay(&pool, &shutdown, |entries| tell(&lineage, entries))
        .await;
}

/// Tells lineage of entries of one workspace, all in one call.
async fn tell(lineage: &PeerChannel, entries: Vec<Entry>) -> Result<(), Undelivered> {
    let Some(workspace) = entries.first().map(|entry| entry.workspace) else {
        return Ok(());
    };
    let mut request = RecordRequest::default();
    for entry in entries {
        // Appends to what is there, as merging messages does.
        request
            .merge(entry.payload.as_slice())
            .map_err(|error| Undelivered::Refused(error.to_string()))?;
    }
    let mut client = LineageServiceClient::new(lineage.as_service(SERVICE, workspace));
    match client.record(request).await {
        Ok(_) => Ok(()),
        Err(status) => {
            let reason = format!("{:?}: {}", status.code(), status.message());
            Err(match status.code() {
                Code::InvalidArgument | Code::FailedPrecondition => Undelivered::Refused(reason),
                _ => Undelivered::Later(reason),
            })
        }
    }
}
