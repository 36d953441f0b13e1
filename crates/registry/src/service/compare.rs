//! CompareVersions.

use std::collections::BTreeMap;

use herdbook_core::RunId;
use herdbook_proto::registry::v1::{self as proto, compare_service_server::CompareService};
use herdbook_rpc::{Caller, PeerChannel};
use tonic::{Request, Response, Status};

use super::{answer, serving::reference};
use crate::{
    RegistryError, compare, convert, descent, facts, policy::Direction, reference::Reference,
    store::Store, version::Version,
};

pub(crate) struct CompareApi {
    store: Store,
    tracking: PeerChannel,
    lineage: PeerChannel,
}

impl CompareApi {
    pub(crate) fn new(store: Store, tracking: PeerChannel, lineage: PeerChannel) -> Self {
        Self {
            store,
            tracking,
            lineage,
        }
    }

    /// A version without its files, with its aliases.
    async fn shown(
        &self,
        caller: &Caller,
        version: &Version,
    ) -> Result<proto::Version, RegistryError> {
        let aliases = self
            .store
            .aliases_of_version(caller.workspace, version)
            .await?;
        let bare = Version {
            files: Vec::new(),
            ..version.clone()
        };
        Ok(convert::to_version(bare, aliases))
    }

    /// Which way the metrics of a version's run are better; nothing where the run is not known.
    async fn directions(
        &self,
        caller: &Caller,
        run: Option<RunId>,
    ) -> Result<BTreeMap<String, Direction>, RegistryError> {
        match run {
            Some(run) => facts::directions(&self.tracking, caller, run).await,
            None => Ok(BTreeMap::new()),
        }
    }

    async fn compare(
        &self,
        caller: &Caller,
        from: &Reference,
        to: &Reference,
    ) -> Result<proto::CompareVersionsResponse, RegistryError> {
        let (from, _) = self.store.resolve(caller.workspace, from).await?;
        let (to, _) = self.store.resolve(caller.workspace, to).await?;
        let (before, after) = futures::try_join!(
            descent::ancestors(&self.lineage, caller, &from),
            descent::ancestors(&self.lineage, caller, &to),
        )?;
        let (mut better, of_to) = futures::try_join!(
            self.directions(caller, from.run),
            self.directions(caller, to.run),
        )?;
        better.extend(of_to);
        Ok(proto::CompareVersionsResponse {
            from: Some(self.shown(caller, &from).await?),
            to: Some(self.shown(caller, &to).await?),
            fields: compare::fields(&from, &to),
            tags: compare::pairs(&from.tags, &to.tags),
            params: compare::pairs(&from.params, &to.params),
            metrics: compare::metrics(&from, &to, &better),
            files: Some(compare::files(&from.files, &to.files)),
            schema: compare::schemas(from.schema.as_ref(), to.schema.as_ref()),
            text: compare::texts(&from, &to),
            lineage: Some(compare::lineage(before.as_ref(), after.as_ref())),
        })
    }
}

#[tonic::async_trait]
impl CompareService for CompareApi {
    async fn compare_versions(
        &self,
        request: Request<proto::CompareVersionsRequest>,
    ) -> Result<Response<proto::CompareVersionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let compared = async {
            let from = reference(&request, "from", &request.get_ref().from)?;
            let to = reference(&request, "to", &request.get_ref().to)?;
            self.compare(&caller, &from, &to).await
        };
        answer(compared.await)
    }
}
