//! Registering versions: from what Herdbook holds, or from elsewhere.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_core::{RunId, limits::REGISTRY_TAG_VALUE_BYTES};
use herdbook_proto::{Violations, fields, registry::v1 as proto, tracking::v1::Run};
use herdbook_rpc::{Caller, Role};

use super::{past, versions::VersionApi};
use crate::{
    RegistryError,
    card::Card,
    convert,
    facts::{self, Holder},
    schema::Schema,
    source::Source,
    store::registration::{NewVersion, Registered},
    version::{File, Pairs, check_label},
};

/// Params, or metrics, that a version keeps of its run.
const SNAPSHOT: usize = 10_000;
/// Characters of a source.
const SOURCE_CHARS: usize = 4_096;

const NO_FILES: &str = "must be runs:/<run id>/<path>, models:/m-<id> or models:/<model>/<number>; say external \
    for what Herdbook does not hold";

/// What a version gets of its source.
#[derive(Default)]
struct Held {
    files: Vec<File>,
    run: Option<RunId>,
    logged_model: String,
    params: Pairs,
    metrics: BTreeMap<String, f64>,
    based_on: Vec<String>,
}

impl VersionApi {
    pub(super) async fn create(
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
        let tags = fields::pairs(
            "tags",
            request.tags,
            REGISTRY_TAG_VALUE_BYTES,
            &mut violations,
        );
        let request_id = fields::request_id(request.request_id, &mut violations);
        let place = match &*request.files_from {
            "" => ("source", Source::read(&request.source)),
            place => ("files_from", Source::read(place)),
        };
        let (field, place) = place;
        if place.is_none() && !(request.external && field == "source") {
            violations.add(field, NO_FILES);
        }
        check_source(&request.source, &mut violations);
        let run = check_run(&request.run_id, place.as_ref(), &mut violations);
        convert::check_flavor("flavor", &request.flavor, &mut violations);
        let schema = request.schema.map(Schema::from);
        if let Some(schema) = &schema {
            schema.check("schema", &mut violations);
        }
        let card = Card::from(request.card.unwrap_or_default());
        card.check("card", &mut violations);
        if request.number < 0 {
            violations.add("number", "must be 1 or more, or 0 for the next one");
        }
        let created_at: Option<DateTime<Utc>> =
            past("created_at", request.created_at.as_ref(), &mut violations);
        violations.finish()?;
        if !request.created_by.is_empty() && caller.role < Role::Admin {
            return Err(RegistryError::CreatedByNotAllowed(caller.role));
        }
        let held = match self.held(caller, place, run, request.external).await {
            Ok(held) => held,
            Err(error) => {
                // Who misspells the model should not be told about the source.
                self.store.model(caller.workspace, &request.model).await?;
                return Err(error);
            }
        };
        let mut based_on = request.based_on;
        based_on.extend(held.based_on);
        based_on.sort_unstable();
        based_on.dedup();
        let created_by = match &*request.created_by {
            "" => caller.name.clone(),
            name => name.into(),
        };
        let new = NewVersion {
            model: request.model,
            number: Some(request.number).filter(|number| *number > 0),
            label: request.label,
            description: request.description,
            tags,
            source: request.source,
            run: held.run,
            logged_model: held.logged_model,
            external: held.files.is_empty(),
            based_on,
            files: held.files,
            metrics: held.metrics,
            params: held.params,
            request_id,
            flavor: request.flavor,
            schema,
            card,
            created_by,
            created_at,
            principal: caller.name.clone(),
        };
        match self.registrar.register(caller.workspace, new).await? {
            Registered::Now(version) => Ok(convert::to_version(version, Vec::new())),
            Registered::Before(version) => self.shown(caller, version).await,
        }
    }

    /// What is held of a place: its files, and what is known of the run they came from, which is `run` if the
    /// place does not say.
    async fn held(
        &self,
        caller: &Caller,
        place: Option<Source<'_>>,
        run: Option<RunId>,
        external: bool,
    ) -> Result<Held, RegistryError> {
        let held = match place {
            Some(Source::Run { run, path }) => {
                return self.of_run(caller, run, path, external).await;
            }
            Some(Source::Version(reference)) => {
                let (version, _) = self.store.resolve(caller.workspace, &reference).await?;
                return Ok(Held {
                    files: version.files,
                    run: version.run,
                    logged_model: version.logged_model,
                    params: version.params,
                    metrics: version.metrics,
                    based_on: version.based_on,
                });
            }
            Some(Source::LoggedModel(id)) => self.of_logged_model(caller, id, external).await?,
            None => Held::default(),
        };
        let Some(run) = held.run.or(run) else {
            return Ok(held);
        };
        match facts::get_run(&self.tracking, caller, run).await {
            Ok(found) => Ok(held.of_run(run, found)),
            // It may be one that elsewhere is known.
            Err(RegistryError::RunNotFound(_)) if external => Ok(Held {
                run: Some(run),
                ..held
            }),
            Err(error) => Err(error),
        }
    }

    async fn of_run(
        &self,
        caller: &Caller,
        run: RunId,
        path: &str,
        external: bool,
    ) -> Result<Held, RegistryError> {
        let asked = tokio::try_join!(
            facts::list_files(&self.tracking, caller, Holder::Run(run), path),
            facts::get_run(&self.tracking, caller, run)
        );
        let (files, found) = match asked {
            Ok(asked) => asked,
            Err(RegistryError::RunNotFound(_)) if external => (Vec::new(), Run::default()),
            Err(error) => return Err(error),
        };
        if files.is_empty() && !external {
            return Err(RegistryError::SourceEmpty {
                run: run.to_string(),
                path: path.to_owned(),
            });
        }
        let held = Held {
            files,
            ..Held::default()
        };
        Ok(held.of_run(run, found))
    }

    async fn of_logged_model(
        &self,
        caller: &Caller,
        id: &str,
        external: bool,
    ) -> Result<Held, RegistryError> {
        let holder = Holder::LoggedModel(id);
        let (files, model) = tokio::try_join!(
            facts::list_files(&self.tracking, caller, holder, ""),
            facts::get_logged_model(&self.tracking, caller, id)
        )?;
        if files.is_empty() && !external {
            return Err(RegistryError::LoggedModelNotFound(id.to_owned()));
        }
        Ok(Held {
            files,
            run: model.source_run_id.parse().ok(),
            logged_model: model.id,
            ..Held::default()
        })
    }
}

impl Held {
    /// With what is known of the run `found`.
    fn of_run(self, run: RunId, found: Run) -> Self {
        Self {
            run: Some(run),
            metrics: snapshot(facts::latest(&found)),
            based_on: found.based_on,
            params: snapshot(found.params),
            ..self
        }
    }
}

/// What a version keeps of its run's params or metrics: the first by their keys.
fn snapshot<T>(of_run: BTreeMap<String, T>) -> BTreeMap<String, T> {
    of_run.into_iter().take(SNAPSHOT).collect()
}

fn check_source(source: &str, violations: &mut Violations) {
    if source.is_empty() || source.chars().count() > SOURCE_CHARS {
        violations.add(
            "source",
            format!("must have 1 to {SOURCE_CHARS} characters"),
        );
    }
    if source.chars().any(char::is_control) {
        violations.add("source", "must have no control characters");
    }
}

/// Reads the run that a version came from; it is none other than that of its source.
fn check_run(
    given: &str,
    place: Option<&Source<'_>>,
    violations: &mut Violations,
) -> Option<RunId> {
    if given.is_empty() {
        return None;
    }
    let run = violations.check("run_id", given.parse::<RunId>())?;
    if let Some(Source::Run { run: source, .. }) = place
        && *source != run
    {
        violations.add("run_id", format!("is another than the source's, {source}"));
    }
    Some(run)
}
