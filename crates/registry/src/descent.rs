//! What lineage says about the descent of a version.

use std::collections::HashSet;

use herdbook_proto::lineage::v1::{
    GetAncestorsRequest, NodeKey, ProveRequest, ProveResponse,
    lineage_service_client::LineageServiceClient,
};
use herdbook_rpc::{Caller, PeerChannel};
use tonic::{Code, Status};

use crate::{RegistryError, policy::Descent, version::Version};

/// Nodes that evidence names.
const SHOWN: usize = 5;
/// Nodes that lineage gives at most.
const NODES: u32 = 100_000;
/// Nodes that are compared of a version at most.
const COMPARED: u32 = 10_000;

/// What was proved of a version.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// How many nodes it descends from, itself included.
    pub(crate) examined: usize,
    /// Some of those that have a tag which none may have.
    pub(crate) tainted_by: Vec<String>,
    /// Some of what is not known within the depth asked for.
    pub(crate) unknown: Vec<String>,
    /// Lineage's digest of the proof: the same as long as that part of the graph is.
    pub(crate) digest: String,
}

/// Asks lineage; `None` if it does not know the version yet.
pub(crate) async fn prove(
    lineage: &PeerChannel,
    caller: &Caller,
    version: &Version,
    descent: &Descent,
) -> Result<Option<Proof>, RegistryError> {
    let mut client = LineageServiceClient::new(lineage.on_behalf_of(caller));
    let node = format!("model_version:{}@{}", version.model, version.number);
    let request = ProveRequest {
        node: node.clone(),
        suspects: Vec::new(),
        suspect_tags: descent.without_tags.clone(),
        ..Default::default()
    };
    let proved = match client.prove(request).await {
        Ok(proved) => proved.into_inner(),
        Err(status) if status.code() == Code::NotFound => return Ok(None),
        Err(status) => return Err(unanswered(&status)),
    };
    let near = match descent.known_depth {
        0 => None,
        depth => {
            let request = GetAncestorsRequest {
                node,
                depth,
                limit: NODES,
                ..Default::default()
            };
            let answer = client.get_ancestors(request).await;
            let graph = answer
                .map_err(|status| unanswered(&status))?
                .into_inner()
                .graph;
            let nodes = graph.unwrap_or_default().nodes.into_iter();
            let keys = nodes.filter_map(|node| Some(written(&node.node?.key?)));
            Some(keys.collect::<HashSet<String>>())
        }
    };
    Ok(Some(read(proved, near.as_ref())))
}

/// Reads a proof; what is unknown counts only where it is `near`, if that is given.
fn read(proved: ProveResponse, near: Option<&HashSet<String>>) -> Proof {
    let tainted = proved.evidence.into_iter().filter_map(|path| {
        let ancestor = path.nodes.into_iter().next()?;
        Some(written(&ancestor.key?))
    });
    let unknown = proved.unknowns.into_iter().filter_map(|unknown| {
        let node = written(&unknown.node?);
        let counts = near.is_none_or(|near| near.contains(&node));
        counts.then(|| format!("{node}: {}", unknown.missing))
    });
    Proof {
        examined: proved.examined.len(),
        tainted_by: tainted.take(SHOWN).collect(),
        unknown: unknown.take(SHOWN).collect(),
        digest: proved.digest,
    }
}

/// What a version descends from.
#[derive(Debug, Default)]
pub(crate) struct Ancestors {
    /// As lineage writes them, nearest first.
    pub(crate) nodes: Vec<String>,
    /// Whether there are more than are told.
    pub(crate) truncated: bool,
}

/// Asks lineage; `None` if it does not know the version yet.
pub(crate) async fn ancestors(
    lineage: &PeerChannel,
    caller: &Caller,
    version: &Version,
) -> Result<Option<Ancestors>, RegistryError> {
    let mut client = LineageServiceClient::new(lineage.on_behalf_of(caller));
    let request = GetAncestorsRequest {
        node: format!("model_version:{}@{}", version.model, version.number),
        limit: COMPARED,
        ..Default::default()
    };
    let graph = match client.get_ancestors(request).await {
        Ok(answer) => answer.into_inner().graph.unwrap_or_default(),
        Err(status) if status.code() == Code::NotFound => return Ok(None),
        Err(status) => return Err(unanswered(&status)),
    };
    // The version itself is no ancestor.
    let nodes = graph.nodes.iter().filter(|node| node.depth > 0);
    let keys = nodes.filter_map(|node| node.node.as_ref()?.key.as_ref());
    Ok(Some(Ancestors {
        nodes: keys.map(written).collect(),
        truncated: graph.truncated,
    }))
}

fn written(key: &NodeKey) -> String {
    match key.version.as_str() {
        "" => format!("{}:{}", key.kind, key.name),
        version => format!("{}:{}@{version}", key.kind, key.name),
    }
}

fn unanswered(status: &Status) -> RegistryError {
    RegistryError::LineageUnavailable(status.message().to_owned())
}
