//! What lineage is told of a run, through the outbox.

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

use crate::run::{Environment, Input, Run, Source};

/// Name under which this service's relay calls.
const SERVICE: &str = "tracking";

/// Everything lineage is to know of `run`: itself, and what it came from.
pub(crate) fn of_run(run: &Run) -> RecordRequest {
    let run_key = key("run", &run.id.to_string(), "");
    let mut record = RecordRequest {
        nodes: vec![run_node(run, &run_key)],
        ..RecordRequest::default()
    };
    let mut used = |source: NodeKey, label: &str| {
        record
            .edges
            .push(edge(source, run_key.clone(), EdgeType::Used, label));
    };
    for input in &run.inputs {
        used(key("dataset", &input.name, &input.digest), &input.context);
    }
    if let Some(source) = run
        .source
        .as_ref()
        .filter(|source| !source.repository.is_empty())
    {
        used(
            key("code", &source.repository, &source.commit),
            &source.entry_point,
        );
    }
    if let Some(environment) = &run.environment {
        used(environment_key(environment), "environment");
    }
    for base in &run.based_on {
        if let Some((model, number)) = base.rsplit_once('/') {
            used(key("model_version", model, number), "based-on");
        }
    }
    if let Some(parent) = run.parent {
        let parent = key("run", &parent.to_string(), "");
        record
            .edges
            .push(edge(parent, run_key, EdgeType::PartOf, "parent"));
    }
    if let Some(fork) = run.forked_from {
        let origin = key("run", &fork.run.to_string(), "");
        let edge = edge(
            origin,
            key("run", &run.id.to_string(), ""),
            EdgeType::DerivedFrom,
            "fork",
        );
        record.edges.push(edge);
    }
    record.nodes.extend(run.inputs.iter().map(dataset_node));
    let code = run
        .source
        .as_ref()
        .filter(|source| !source.repository.is_empty());
    record.nodes.extend(code.map(code_node));
    record
        .nodes
        .extend(run.environment.as_ref().map(environment_node));
    record
}

/// The run's own node alone, when nothing else of it changed.
pub(crate) fn of_change(run: &Run) -> RecordRequest {
    let run_key = key("run", &run.id.to_string(), "");
    RecordRequest {
        nodes: vec![run_node(run, &run_key)],
        ..RecordRequest::default()
    }
}

fn run_node(run: &Run, run_key: &NodeKey) -> Node {
    let mut attributes = HashMap::from([
        ("name".to_owned(), run.name.clone()),
        ("experiment".to_owned(), run.experiment.to_string()),
        ("user".to_owned(), run.user.clone()),
        ("status".to_owned(), run.status.name().to_owned()),
        ("started_at".to_owned(), run.started_at.to_rfc3339()),
    ]);
    attributes.extend(
        run.ended_at
            .map(|time| ("ended_at".to_owned(), time.to_rfc3339())),
    );
    node(run_key.clone(), attributes, run.revision)
}

fn dataset_node(input: &Input) -> Node {
    let facts = [
        ("uri", &input.uri),
        ("source_type", &input.source_type),
        ("schema", &input.schema),
        ("profile", &input.profile),
    ];
    let given = facts.into_iter().filter(|(_, value)| !value.is_empty());
    let attributes = given
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    node(key("dataset", &input.name, &input.digest), attributes, 0)
}

fn code_node(source: &Source) -> Node {
    let attributes = HashMap::from([
        ("branch".to_owned(), source.branch.clone()),
        ("dirty".to_owned(), source.dirty.to_string()),
        ("entry_point".to_owned(), source.entry_point.clone()),
        ("command".to_owned(), source.command.join(" ")),
    ]);
    node(
        key("code", &source.repository, &source.commit),
        attributes,
        0,
    )
}

fn environment_node(environment: &Environment) -> Node {
    let attributes = HashMap::from([
        (
            "python_version".to_owned(),
            environment.python_version.clone(),
        ),
        ("platform".to_owned(), environment.platform.clone()),
        (
            "requirements".to_owned(),
            environment.requirements.join("\n"),
        ),
    ]);
    node(environment_key(environment), attributes, 0)
}

fn environment_key(environment: &Environment) -> NodeKey {
    let name = if environment.python_version.is_empty() {
        "platform"
    } else {
        "python"
    };
    key("environment", name, &environment.digest)
}

fn key(kind: &str, name: &str, version: &str) -> NodeKey {
    NodeKey {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

fn node(key: NodeKey, attributes: HashMap<String, String>, revision: i64) -> Node {
    Node {
        key: Some(key),
        attributes,
        tags: Vec::new(),
        revision,
        recorded_at: None,
    }
}

fn edge(source: NodeKey, target: NodeKey, edge_type: EdgeType, label: &str) -> Edge {
    Edge {
        source: Some(source),
        target: Some(target),
        r#type: edge_type.into(),
        label: label.to_owned(),
    }
}

/// Tells lineage what stands in the outbox, until `shutdown`.
pub(crate) async fn relay(
    outbox: Outbox,
    pool: PgPool,
    lineage: PeerChannel,
    shutdown: CancellationToken,
) {
    let deliver = |entries| tell(&lineage, entries);
    outbox.relay(&pool, &shutdown, deliver).await;
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
