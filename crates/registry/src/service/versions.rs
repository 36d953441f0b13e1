//! Versions.

use std::{collections::BTreeMap, pin::Pin};

use futures::{Stream, StreamExt as _};
use herdbook_blobs::{Blobs, byte_range, chunks};
use herdbook_core::{PageToken, RunId, limits::TAG_VALUE_BYTES};
use herdbook_proto::{
    Violations,
    fields::{self, Mask},
    registry::v1::{
        self as proto, download_version_file_response::Message as Download,
        version_service_server::VersionService,
    },
    tracking::v1::Run,
};
use herdbook_rpc::{Caller, PeerChannel, status};
use tonic::{Request, Response, Status};

use super::{answer, change_card, serving::reference};
use crate::{
    RegistryError,
    card::Card,
    convert, facts,
    reference::Reference,
    registrar::Registrar,
    resolve::Resolver,
    schema::Schema,
    store::{
        Store,
        models::Model,
        registration::{NewVersion, Registered},
    },
    version::{File, Version, check_label},
};

/// The card in a mask, and its fields in their order.
const CARD: [&str; 5] = [
    "own_card",
    "own_card.usage_notes",
    "own_card.intended_use",
    "own_card.limits",
    "own_card.licence",
];
/// Params, or metrics, that a version keeps of its run.
const SNAPSHOT: usize = 10_000;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct VersionApi {
    pub(super) store: Store,
    registrar: Registrar,
    resolver: Resolver,
    blobs: Blobs,
    tracking: PeerChannel,
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

    async fn shown(
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

    async fn create(
        &self,
        caller: &Caller,
        request: proto::CreateVersionRequest,
    ) -> Result<proto::Version, RegistryError> {
        let mut violations = Violations::default();
        if !request.label.is_empty() {
            violations.check("label", check_label(&request.label));
        }
        convert::check_words("description", &request.description, &mut violations);
        convert::check_bases(&request.based_on, &mut violations);
        let tags = fields::pairs("tags", request.tags, TAG_VALUE_BYTES, &mut violations);
        let request_id = fields::request_id(request.request_id, &mut violations);
        let source = read_source(&request.source);
        if source.is_none() {
            violations.add(
                "source",
                "must be runs:/<run id>/<path of an artifact or a folder of them>",
            );
        }
        convert::check_flavor("flavor", &request.flavor, &mut violations);
        let schema = request.schema.map(Schema::from);
        if let Some(schema) = &schema {
            schema.check("schema", &mut violations);
        }
        let card = Card::from(request.card.unwrap_or_default());
        card.check("card", &mut violations);
        violations.finish()?;
        let (run, path) = source.unwrap_or((RunId::from(uuid::Uuid::nil()), ""));
        let (files, source_run) = match self.source(caller, run, path).await {
            Ok(source) => source,
            Err(error) => {
                // Who misspells the model should not be told about the run.
                self.store.model(caller.workspace, &request.model).await?;
                return Err(error);
            }
        };
        let mut based_on = request.based_on;
        based_on.extend(source_run.based_on.iter().cloned());
        based_on.sort_unstable();
        based_on.dedup();
        let new = NewVersion {
            model: request.model,
            label: request.label,
            description: request.description,
            tags,
            source: request.source,
            run,
            based_on,
            files,
            metrics: snapshot(facts::latest(&source_run)),
            params: snapshot(source_run.params.into_iter().collect()),
            request_id,
            flavor: request.flavor,
            schema,
            card,
            principal: caller.name.clone(),
        };
        match self.registrar.register(caller.workspace, new).await? {
            Registered::Now(version) => Ok(convert::to_version(version, Vec::new())),
            Registered::Before(version) => self.shown(caller, version).await,
        }
    }

    /// The files at `path` of a run, and the run.
    async fn source(
        &self,
        caller: &Caller,
        run: RunId,
        path: &str,
    ) -> Result<(Vec<File>, Run), RegistryError> {
        let (files, source_run) = tokio::try_join!(
            facts::list_files(&self.tracking, caller, run, path),
            facts::get_run(&self.tracking, caller, run)
        )?;
        if files.is_empty() {
            return Err(RegistryError::SourceEmpty {
                run: run.to_string(),
                path: path.to_owned(),
            });
        }
        Ok((files, source_run))
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
        let tags = fields::pairs("version.tags", given.tags, TAG_VALUE_BYTES, &mut violations);
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

/// What a version keeps of its run's params or metrics: the first by their keys.
fn snapshot<T>(of_run: BTreeMap<String, T>) -> BTreeMap<String, T> {
    of_run.into_iter().take(SNAPSHOT).collect()
}

/// Reads `runs:/<run id>/<path>`.
fn read_source(source: &str) -> Option<(RunId, &str)> {
    let (run, path) = source.strip_prefix("runs:/")?.split_once('/')?;
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        None
    } else {
        Some((run.parse().ok()?, path))
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
}
