//! Versions.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use herdbook_blobs::{Blobs, byte_range, chunks};
use herdbook_core::{PageToken, limits::REGISTRY_TAG_VALUE_BYTES};
use herdbook_proto::{
    Violations,
    fields::{self, Mask},
    registry::v1::{
        self as proto, download_version_file_response::Message as Download,
        version_service_server::VersionService,
    },
};
use herdbook_rpc::{Caller, PeerChannel, status};
use tonic::{Request, Response, Status};

use super::{answer, change_card, serving::reference};
use crate::{
    RegistryError,
    card::Card,
    convert,
    reference::Reference,
    registrar::Registrar,
    resolve::Resolver,
    schema::Schema,
    store::{Store, models::Model},
    version::{Version, check_label},
};

/// The card in a mask, and its fields in their order.
const CARD: [&str; 5] = [
    "own_card",
    "own_card.usage_notes",
    "own_card.intended_use",
    "own_card.limits",
    "own_card.licence",
];

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct VersionApi {
    pub(super) store: Store,
    pub(super) registrar: Registrar,
    resolver: Resolver,
    blobs: Blobs,
    pub(super) tracking: PeerChannel,
}

impl VersionApi {
    pub(crate) fn new(
        store: Store,
        registrar: Registrar,
        resolver: Resolver,
        blobs: Blobs,
        tracking: PeerChannel,
    ) -> Self {
        Self {
            store,
            registrar,
            resolver,
            blobs,
            tracking,
        }
    }

    pub(super) async fn shown(
        &self,
        caller: &Caller,
        version: Version,
    ) -> Result<proto::Version, RegistryError> {
        let aliases = self
            .store
            .aliases_of_version(caller.workspace, &version)
            .await?;
        Ok(convert::to_version(version, aliases))
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListVersionsRequest,
    ) -> Result<proto::ListVersionsResponse, RegistryError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!("versions {} {}", request.model, request.stage);
        let before = PageToken::<i64>::decode(&request.page_token, &query)?.unwrap_or(i64::MAX);
        // Read first: what it stands for is in the page, and what comes after it is watched.
        let revision = self.store.revision(caller.workspace).await?;
        let model: Model = self.store.model(caller.workspace, &request.model).await?;
        let stage = model
            .policy
            .stage(&request.stage)
            .map_or(&request.stage, |stage| &stage.name);
        let mut found = self.store.versions(&model, stage, before, size + 1).await?;
        let next_page_token = PageToken::cut(&mut found, size, &query, |version| version.number);
        let keys: Vec<_> = found.iter().map(|v| (model.key, v.number)).collect();
        let mut aliases = self.store.aliases_of(&keys).await?;
        let versions = found.into_iter().map(|version| {
            let aliases = aliases.remove(&(model.key, version.number));
            convert::to_version(version, aliases.unwrap_or_default())
        });
        Ok(proto::ListVersionsResponse {
            versions: versions.collect(),
            next_page_token,
            revision,
        })
    }

    async fn update(
        &self,
        caller: &Caller,
        request: proto::UpdateVersionRequest,
    ) -> Result<proto::Version, RegistryError> {
        let mut violations = Violations::default();
        let mask = Mask::read(
            request.update_mask,
            &[
                &["label", "description", "flavor", "schema", "tags"],
                CARD.as_slice(),
            ]
            .concat(),
            &mut violations,
        );
        let given = violations
            .require("version", request.version)
            .unwrap_or_default();
        if mask.has("label") && !given.label.is_empty() {
            violations.check("version.label", check_label(&given.label));
        }
        convert::check_words("version.description", &given.description, &mut violations);
        let tags = fields::pairs(
            "version.tags",
            given.tags,
            REGISTRY_TAG_VALUE_BYTES,
            &mut violations,
        );
        convert::check_flavor("version.flavor", &given.flavor, &mut violations);
        let schema = given.schema.map(Schema::from);
        if let Some(schema) = &schema {
            schema.check("version.schema", &mut violations);
        }
        let card = Card::from(given.own_card.unwrap_or_default());
        card.check("version.own_card", &mut violations);
        violations.finish()?;
        let change = |version: &mut Version| {
            if mask.has("label") {
                version.label = given.label;
            }
            if mask.has("description") {
                version.description = given.description;
            }
            if mask.has("flavor") {
                version.flavor = given.flavor;
            }
            if mask.has("schema") {
                version.schema = schema;
            }
            change_card(&mask, CARD, &mut version.own_card, card);
            mask.change_tags(&mut version.tags, tags);
        };
        let changed = self
            .store
            .update_version(
                caller.workspace,
                &caller.name,
                &given.model,
                given.number,
                change,
            )
            .await?;
        self.shown(caller, changed).await
    }

    async fn download(
        &self,
        caller: &Caller,
        reference: Reference,
        request: proto::DownloadVersionFileRequest,
    ) -> Result<Answers<proto::DownloadVersionFileResponse>, RegistryError> {
        let (version, _) = self.resolver.resolve(caller.workspace, &reference).await?;
        let file = version.file(&request.path)?;
        let range = byte_range(request.offset, request.length, file.size)?;
        let bytes = self.blobs.get(file.blob(), range).await?;
        let message = |message| proto::DownloadVersionFileResponse {
            message: Some(message),
        };
        let first = message(Download::File(file.clone().into()));
        let rest = chunks(bytes).map(move |chunk| match chunk {
            Ok(chunk) => Ok(message(Download::Chunk(chunk))),
            Err(error) => Err(status(error)),
        });
        Ok(Box::pin(futures::stream::iter([Ok(first)]).chain(rest)))
    }
}

#[tonic::async_trait]
impl VersionService for VersionApi {
    async fn create_version(
        &self,
        request: Request<proto::CreateVersionRequest>,
    ) -> Result<Response<proto::CreateVersionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let version = self.create(&caller, request.into_inner()).await;
        answer(version.map(|version| proto::CreateVersionResponse {
            version: Some(version),
        }))
    }

    async fn get_version(
        &self,
        request: Request<proto::GetVersionRequest>,
    ) -> Result<Response<proto::GetVersionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let found = async {
            let reference = reference(&request, "reference", &request.get_ref().reference)?;
            let (version, _) = self.store.resolve(caller.workspace, &reference).await?;
            self.shown(&caller, version).await
        };
        answer(found.await.map(|version| proto::GetVersionResponse {
            version: Some(version),
        }))
    }

    async fn list_versions(
        &self,
        request: Request<proto::ListVersionsRequest>,
    ) -> Result<Response<proto::ListVersionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }

    async fn search_versions(
        &self,
        request: Request<proto::SearchVersionsRequest>,
    ) -> Result<Response<proto::SearchVersionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.search(&caller, request.into_inner()).await)
    }

    async fn update_version(
        &self,
        request: Request<proto::UpdateVersionRequest>,
    ) -> Result<Response<proto::UpdateVersionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let version = self.update(&caller, request.into_inner()).await;
        answer(version.map(|version| proto::UpdateVersionResponse {
            version: Some(version),
        }))
    }

    type DownloadVersionFileStream = Answers<proto::DownloadVersionFileResponse>;

    async fn download_version_file(
        &self,
        request: Request<proto::DownloadVersionFileRequest>,
    ) -> Result<Response<Self::DownloadVersionFileStream>, Status> {
        let caller = Caller::of(&request)?;
        let bytes = async {
            let reference = reference(&request, "reference", &request.get_ref().reference)?;
            self.download(&caller, reference, request.into_inner())
                .await
        };
        answer(bytes.await)
    }

    async fn delete_version(
        &self,
        request: Request<proto::DeleteVersionRequest>,
    ) -> Result<Response<proto::DeleteVersionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let proto::DeleteVersionRequest { model, number } = request.get_ref();
        let (workspace, principal) = (caller.workspace, &caller.name);
        let deleted = self
            .store
            .delete_version(workspace, principal, model, *number)
            .await;
        answer(deleted.map(|()| proto::DeleteVersionResponse {}))
    }
}
