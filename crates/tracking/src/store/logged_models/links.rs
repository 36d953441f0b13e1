//! Which models runs used and made.

use std::{collections::HashMap, hash::Hash};

use herdbook_core::{LoggedModelId, RunId, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Store, active_keys};
use crate::{TrackingError, logged_model::RunModels, pedigree};

impl Store {
    /// Notes what a run used and made, and tells lineage of what is new.
    pub(crate) async fn link_run_models(
        &self,
        workspace: WorkspaceId,
        run: RunId,
        models: &RunModels,
    ) -> Result<(), TrackingError> {
        let key = self.active_run(workspace, run).await?;
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let ids: Vec<LoggedModelId> = models
            .inputs
            .iter()
            .copied()
            .chain(models.outputs.iter().map(|(id, _)| *id))
            .collect();
        let keys = active_keys(&mut transaction, workspace, &ids).await?;
        let made: Vec<bool> = (0..ids.len()).map(|at| at >= models.inputs.len()).collect();
        let steps: Vec<i64> = models
            .inputs
            .iter()
            .map(|_| 0)
            .chain(models.outputs.iter().map(|(_, step)| *step))
            .collect();
        let new: Vec<(i64, bool)> = sqlx::query_as(
            "INSERT INTO tracking.run_models (run_key, model_key, made, step) \
             SELECT $1, model_key, made, step \
             FROM unnest($2::bigint[], $3::boolean[], $4::bigint[]) WITH ORDINALITY \
                 AS n (model_key, made, step, number) ORDER BY number \
             ON CONFLICT DO NOTHING RETURNING model_key, made",
        )
        .bind(key.0)
        .bind(keys.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
        .bind(&made)
        .bind(&steps)
        .fetch_all(&mut *transaction)
        .await?;
        // What a run makes it may use too, such as to evaluate it: it does not descend from itself.
        let both: Vec<i64> = sqlx::query_scalar(
            "SELECT model_key FROM tracking.run_models \
             WHERE run_key = $1 AND model_key = ANY($2) GROUP BY model_key HAVING count(*) > 1",
        )
        .bind(key.0)
        .bind(new.iter().map(|(key, _)| *key).collect::<Vec<_>>())
        .fetch_all(&mut *transaction)
        .await?;
        let known: HashMap<i64, (LoggedModelId, bool)> = keys
            .iter()
            .zip(&ids)
            .map(|((key, source), id)| (key.0, (*id, *source == Some(run))))
            .collect();
        for (model, made) in new {
            let Some((id, is_source)) = known.get(&model) else {
                continue;
            };
            if *is_source || both.contains(&model) {
                continue;
            }
            let told = pedigree::of_run_model(run, *id, made).encode();
            self.outbox.add(&mut transaction, workspace, &told).await?;
        }
        transaction.commit().await?;
        self.outbox.wake();
        Ok(())
    }

    /// What runs used and made, in the order in which it was noted; runs without any are left out.
    pub(crate) async fn run_models(
        &self,
        workspace: WorkspaceId,
        runs: &[RunId],
    ) -> Result<HashMap<RunId, RunModels>, TrackingError> {
        let rows: Vec<(Uuid, String, bool, i64)> = sqlx::query_as(
            "SELECT r.id, m.id, x.made, x.step FROM tracking.runs r \
             JOIN tracking.run_models x ON x.run_key = r.run_key \
             JOIN tracking.logged_models m ON m.model_key = x.model_key \
             WHERE r.workspace_id = $1 AND r.id = ANY($2) ORDER BY x.number",
        )
        .bind(workspace.0)
        .bind(runs.iter().map(|run| run.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        Ok(by_run(rows))
    }
}

/// What the runs `keys` used and made, in the order in which it was noted; runs without any are left out.
pub(in crate::store) async fn models_of(
    connection: &mut PgConnection,
    keys: &[i64],
) -> Result<HashMap<i64, RunModels>, TrackingError> {
    let rows: Vec<(i64, String, bool, i64)> = sqlx::query_as(
        "SELECT x.run_key, m.id, x.made, x.step FROM tracking.run_models x \
         JOIN tracking.logged_models m ON m.model_key = x.model_key \
         WHERE x.run_key = ANY($1) ORDER BY x.number",
    )
    .bind(keys)
    .fetch_all(connection)
    .await?;
    Ok(by_run(rows))
}

/// Each row is a run, a model, whether the run made it, and at which step.
fn by_run<R: Into<K>, K: Eq + Hash>(rows: Vec<(R, String, bool, i64)>) -> HashMap<K, RunModels> {
    let mut found: HashMap<K, RunModels> = HashMap::new();
    for (run, model, made, step) in rows {
        let Ok(model) = model.parse() else { continue };
        let models = found.entry(run.into()).or_default();
        match made {
            true => models.outputs.push((model, step)),
            false => models.inputs.push(model),
        }
    }
    found
}
