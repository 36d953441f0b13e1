//! Registering versions, those of a workspace that wait together in one transaction.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use herdbook_blobs::References;
use herdbook_core::{RunId, WorkspaceId};
use herdbook_postgres::DatabaseError;
use herdbook_proto::registry::v1::AuditAction;
use sqlx::{PgConnection, types::Json};

use super::{
    Store,
    audit::append_all,
    models::{Model, lock_named, record},
    versions::{self, WithModel},
};
use crate::{
    RegistryError,
    card::Card,
    pedigree,
    schema::Schema,
    version::{File, Pairs, Version, manifest_digest},
};

/// A version to be registered.
#[derive(Debug)]
pub(crate) struct NewVersion {
    pub(crate) model: String,
    pub(crate) label: String,
    pub(crate) description: String,
    pub(crate) tags: Pairs,
    /// Counted if it is not given.
    pub(crate) number: Option<i64>,
    pub(crate) source: String,
    pub(crate) run: Option<RunId>,
    pub(crate) logged_model: String,
    pub(crate) external: bool,
    pub(crate) based_on: Vec<String>,
    pub(crate) files: Vec<File>,
    pub(crate) params: Pairs,
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) request_id: Option<String>,
    pub(crate) flavor: String,
    pub(crate) schema: Option<Schema>,
    pub(crate) card: Card,
    pub(crate) created_by: Arc<str>,
    /// Now if it is not given.
    pub(crate) created_at: Option<DateTime<Utc>>,
    /// Who does it.
    pub(crate) principal: Arc<str>,
}

/// What came of a registration.
#[derive(Debug)]
pub(crate) enum Registered {
    /// The version was made.
    Now(Version),
    /// It was made before, by the same request.
    Before(Version),
}

/// A version that gets a number.
struct Numbered<'a> {
    /// Its place among those asked for.
    place: usize,
    new: &'a NewVersion,
    model: i64,
    number: i64,
    stage: String,
}

impl Store {
    /// Registers versions of `workspace`, as far as their models are there, all in one commit or none.
    /// If the request id of one was used before, the version made then is returned. The error of
    /// [`RegistryError::is_of_one`] speaks of one of them that keeps the others from it.
    pub(crate) async fn register(
        &self,
        workspace: WorkspaceId,
        asked: &[&NewVersion],
    ) -> Result<Vec<Result<Registered, RegistryError>>, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let names: Vec<&str> = asked.iter().map(|new| new.model.as_str()).collect();
        let mut models = lock_named(&mut transaction, workspace, &names).await?;
        let made_before = made_before(&mut transaction, asked, &models).await?;
        let mut answers: Vec<Result<Registered, RegistryError>> = Vec::with_capacity(asked.len());
        let mut fresh = Vec::new();
        for (place, new) in asked.iter().copied().enumerate() {
            // Stands there until it is made, and where the model is not there.
            answers.push(Err(RegistryError::ModelNotFound(new.model.clone())));
            let Some(model) = models.get_mut(new.model.as_str()) else {
                continue;
            };
            if let Some(number) = made_before.get(&place) {
                let version = versions::read(&mut transaction, model, *number).await?;
                answers[place] = Ok(Registered::Before(version));
                continue;
            }
            if new
                .number
                .is_some_and(|number| number <= model.numbers_after)
            {
                answers[place] = Err(taken(new));
                continue;
            }
            let number = new.number.unwrap_or(model.last_number + 1);
            model.last_number = model.last_number.max(number);
            fresh.push(Numbered {
                place,
                new,
                model: model.key,
                number,
                stage: model.policy.first_stage().to_owned(),
            });
        }
        if fresh.is_empty() {
            return Ok(answers);
        }

        let mut references = References::default();
        let files = fresh.iter().flat_map(|version| &version.new.files);
        references.extend(files.map(|file| file.digest));
        references.apply(&mut transaction).await?;
        let records = fresh.iter().map(|version| {
            let new = version.new;
            let mut record = record(AuditAction::CreateVersion, &new.principal, &new.model);
            record.version = version.number;
            record.tags = new.tags.clone().into_iter().collect();
            record.details = serde_json::json!({
                "label": new.label, "source": new.source, "description": new.description,
                "run_id": new.run.map(|run| run.to_string()), "created_by": new.created_by, "tags": new.tags,
            })
            .to_string();
            (Some(version.model), record)
        });
        let records = append_all(&mut transaction, workspace, records.collect()).await?;
        let revisions: Vec<i64> = records.iter().map(|record| record.revision).collect();
        let mut rows = insert(&mut transaction, &fresh, &revisions).await?;
        note_latest(&mut transaction, &fresh, &revisions).await?;
        let mut told = Vec::with_capacity(fresh.len());
        for version in &fresh {
            let row = rows.remove(&(version.model, version.number));
            let model = models.get(version.new.model.as_str());
            let (row, model) = row.zip(model).ok_or(RegistryError::Damaged)?;
            let made = row.of(model)?;
            told.push(pedigree::of_version(&made).encode());
            answers[version.place] = Ok(Registered::Now(made));
        }
        let told: Vec<&[u8]> = told.iter().map(Vec::as_slice).collect();
        self.outbox
            .add_all(&mut transaction, workspace, &told)
            .await?;
        transaction.commit().await?;
        self.committed();
        Ok(answers)
    }
}

/// The numbers of versions that were made before by the same requests, by the place of the request.
async fn made_before(
    transaction: &mut PgConnection,
    asked: &[&NewVersion],
    models: &HashMap<String, Model>,
) -> Result<HashMap<usize, i64>, RegistryError> {
    let with_id = asked.iter().enumerate().filter_map(|(place, new)| {
        let model = models.get(new.model.as_str())?;
        Some((place, model.key, new.request_id.as_deref()?))
    });
    let with_id: Vec<(usize, i64, &str)> = with_id.collect();
    if with_id.is_empty() {
        return Ok(HashMap::new());
    }
    let numbers: Vec<Option<i64>> = sqlx::query_scalar(
        "SELECT (SELECT number FROM registry.versions \
                 WHERE model_key = r.model AND request_id = r.request_id) \
         FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS r (model, request_id, n) ORDER BY n",
    )
    .bind(with_id.iter().map(|(_, model, _)| *model).collect::<Vec<_>>())
    .bind(with_id.iter().map(|(.., id)| *id).collect::<Vec<_>>())
    .fetch_all(transaction)
    .await?;
    let found = with_id.iter().zip(numbers);
    Ok(found
        .filter_map(|((place, ..), number)| Some((*place, number?)))
        .collect())
}

/// Inserts versions with the revisions at which they were made; the rows, by the model's key and the number.
async fn insert(
    transaction: &mut PgConnection,
    fresh: &[Numbered<'_>],
    revisions: &[i64],
) -> Result<HashMap<(i64, i64), versions::Row>, RegistryError> {
    let column = |text: fn(&NewVersion) -> &str| -> Vec<&str> {
        fresh.iter().map(|version| text(version.new)).collect()
    };
    let (mut keys, mut values, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for version in fresh {
        keys.extend(version.new.metrics.keys().map(String::as_str));
        values.extend(version.new.metrics.values().copied());
        ends.push(i32::try_from(keys.len()).unwrap_or(i32::MAX));
    }
    let starts: Vec<i32> = std::iter::once(0)
        .chain(ends.iter().copied())
        .map(|end| end + 1)
        .collect();
    let digest = |version: &Numbered<'_>| {
        let digest = manifest_digest(version.new.files.iter().map(File::entry));
        digest.0.to_vec()
    };
    let rows: Vec<WithModel> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "INSERT INTO registry.versions (model_key, number, revision, label, stage, description, tags, source, \
             run_id, based_on, files, digest, params, metric_keys, metric_values, request_id, created_by, \
             flavor, io_schema, card, logged_model, external, created_at, stage_since, counted) \
         SELECT model, number, revision, label, stage, description, tags, source, run, \
             ARRAY(SELECT jsonb_array_elements_text(based_on)), files, digest, params, \
             ($14::text[])[start:stop], ($15::float8[])[start:stop], request_id, author, \
             flavor, nullif(io_schema, 'null'), card, logged_model, external, \
             coalesce(created, now()), coalesce(created, now()), true \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::jsonb[], \
             $8::text[], $9::uuid[], $10::jsonb[], $11::jsonb[], $12::bytea[], $13::jsonb[], $16::int[], \
             $17::int[], $18::text[], $19::text[], $20::text[], $21::jsonb[], $22::jsonb[], \
             $23::text[], $24::bool[], $25::timestamptz[]) \
             AS v (model, number, revision, label, stage, description, tags, source, run, based_on, files, \
                 digest, params, start, stop, request_id, author, flavor, io_schema, card, logged_model, \
                 external, created) \
         RETURNING model_key, {}",
        versions::COLUMNS
    )))
    .bind(fresh.iter().map(|version| version.model).collect::<Vec<_>>())
    .bind(fresh.iter().map(|version| version.number).collect::<Vec<_>>())
    .bind(revisions)
    .bind(column(|new| &new.label))
    .bind(fresh.iter().map(|version| version.stage.as_str()).collect::<Vec<_>>())
    .bind(column(|new| &new.description))
    .bind(fresh.iter().map(|version| Json(&version.new.tags)).collect::<Vec<_>>())
    .bind(column(|new| &new.source))
    .bind(fresh.iter().map(|version| version.new.run.map(RunId::as_uuid)).collect::<Vec<_>>())
    .bind(fresh.iter().map(|version| Json(&version.new.based_on)).collect::<Vec<_>>())
    .bind(fresh.iter().map(|version| Json(&version.new.files)).collect::<Vec<_>>())
    .bind(fresh.iter().map(digest).collect::<Vec<_>>())
    .bind(fresh.iter().map(|version| Json(&version.new.params)).collect::<Vec<_>>())
    .bind(keys)
    .bind(values)
    .bind(&starts[..fresh.len()])
    .bind(ends)
    .bind(fresh.iter().map(|version| version.new.request_id.as_deref()).collect::<Vec<_>>())
    .bind(column(|new| &new.created_by))
    .bind(column(|new| &new.flavor))
    .bind(fresh.iter().map(|version| Json(&version.new.schema)).collect::<Vec<_>>())
    .bind(fresh.iter().map(|version| Json(&version.new.card)).collect::<Vec<_>>())
    .bind(column(|new| &new.logged_model))
    .bind(fresh.iter().map(|version| version.new.external).collect::<Vec<_>>())
    .bind(fresh.iter().map(|version| version.new.created_at).collect::<Vec<_>>())
    .fetch_all(transaction)
    .await
    .map_err(|error| refused(DatabaseError::from(error), fresh))?;
    let by_key = rows
        .into_iter()
        .map(|row| ((row.model_key, row.version.number), row.version));
    Ok(by_key.collect())
}

/// The error of an insertion. Of several versions it cannot be told which one is refused.
fn refused(error: DatabaseError, fresh: &[Numbered<'_>]) -> RegistryError {
    match (error.unique_violation(), fresh.first()) {
        (Some("versions_label"), Some(version)) => RegistryError::LabelTaken {
            model: version.new.model.clone(),
            label: version.new.label.clone(),
        },
        (Some("versions_pkey"), Some(version)) => taken(version.new),
        _ => error.into(),
    }
}

fn taken(new: &NewVersion) -> RegistryError {
    RegistryError::VersionExists {
        model: new.model.clone(),
        number: new.number.unwrap_or_default(),
    }
}

/// Notes in each model its latest version and when it changed.
async fn note_latest(
    transaction: &mut PgConnection,
    fresh: &[Numbered<'_>],
    revisions: &[i64],
) -> Result<(), RegistryError> {
    // Of the versions of a model the largest number counts, and who made the last one.
    let mut latest: BTreeMap<i64, (i64, i64, &str)> = BTreeMap::new();
    for (version, revision) in fresh.iter().zip(revisions) {
        let (number, at, by) = latest.entry(version.model).or_default();
        *number = version.number.max(*number);
        (*at, *by) = (*revision, &version.new.principal);
    }
    sqlx::query(
        "UPDATE registry.models AS m SET latest_version = greatest(m.latest_version, l.number), \
             last_number = greatest(m.last_number, m.latest_version, l.number), revision = l.revision, \
             changed_by = l.principal, updated_at = clock_timestamp() \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) \
             AS l (model, number, revision, principal) \
         WHERE m.model_key = l.model AND m.model_key = ANY($1)",
    )
    .bind(latest.keys().copied().collect::<Vec<_>>())
    .bind(latest.values().map(|(number, ..)| *number).collect::<Vec<_>>())
    .bind(latest.values().map(|(_, at, _)| *at).collect::<Vec<_>>())
    .bind(latest.values().map(|(.., by)| *by).collect::<Vec<_>>())
    .execute(transaction)
    .await?;
    Ok(())
}
