//! Other names of data sets, which the facet `symlinks` tells: a table of a catalogue is the files it
//! lies in. Both names mean one node from then on.

use herdbook_proto::{
    InvalidRequest,
    lineage::v1::{
        MergeNodesRequest, NodeKey, SetAliasRequest, lineage_service_client::LineageServiceClient,
    },
};
use herdbook_rpc::CallerChannel;
use tonic::{Code, Status};

use super::{
    event::{Event, refuse},
    facets::{self, DatasetVersion, Symlinks},
    mapping::is_valid,
    naming,
};

/// The other names of the event's data sets, each with the node that it means.
pub(super) fn of(event: &Event) -> Result<Vec<(NodeKey, NodeKey)>, InvalidRequest> {
    let mut names = Vec::new();
    let datasets = event
        .dataset
        .iter()
        .chain(&event.inputs)
        .chain(&event.outputs);
    for dataset in datasets {
        let read = facets::read::<Symlinks>(&dataset.facets, "symlinks", "facets");
        let Some(symlinks) = read.map_err(refuse)? else {
            continue;
        };
        let version = facets::read::<DatasetVersion>(&dataset.facets, "version", "facets");
        let version = version
            .map_err(refuse)?
            .map(|version| version.dataset_version);
        for other in symlinks.identifiers {
            // The data set as a whole, and the state of it that the event is about.
            for version in [Some(String::new()), version.clone()].into_iter().flatten() {
                let node = naming::dataset(&dataset.namespace, &dataset.name, &version);
                let alias = naming::dataset(&other.namespace, &other.name, &version);
                if alias != node && alias.kind == node.kind && is_valid(&alias) {
                    names.push((alias, node));
                }
            }
        }
    }
    names.sort_by(|a, b| (&a.0.name, &a.0.version).cmp(&(&b.0.name, &b.0.version)));
    names.dedup();
    Ok(names)
}

/// Lets `alias` mean `node`; a node that is recorded under it becomes one with `node`. What cannot be,
/// such as making one of a data set and its own ancestor, is left as it is.
pub(super) async fn name(
    client: &mut LineageServiceClient<CallerChannel>,
    alias: NodeKey,
    node: NodeKey,
) -> Result<(), Status> {
    let request = SetAliasRequest {
        alias: Some(alias.clone()),
        node: Some(node.clone()),
    };
    let named = match client.set_alias(request).await {
        Err(status) if status.code() == Code::FailedPrecondition => {
            let request = MergeNodesRequest {
                from: Some(alias),
                into: Some(node),
                reason: "named as one by the facet symlinks of OpenLineage".to_owned(),
            };
            client.merge_nodes(request).await.map(drop)
        }
        named => named.map(drop),
    };
    match named {
        Err(status) if is_final(status.code()) => {
            let why = status.message();
            tracing::warn!(why, "two names of a data set could not be made one");
            Ok(())
        }
        named => named,
    }
}

fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::FailedPrecondition | Code::AlreadyExists | Code::NotFound | Code::InvalidArgument
    )
}
