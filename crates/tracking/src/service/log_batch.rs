//! LogBatch: points alone go with those of everybody else; with anything beside them, all of it is one
//! transaction of its own.

use std::collections::HashSet;

use chrono::Utc;
use herdbook_core::{RunId, WorkspaceId, check_key, limits::POINTS_PER_BATCH};
use herdbook_postgres::DatabaseError;
use herdbook_proto::{Violations, fields, tracking::v1 as proto};
use tokio::sync::oneshot;

use super::runs::RunApi;
use crate::{
    TrackingError, convert,
    metrics::{
        PointTable, Points,
        committer::{Answer, Claim, Entry, Refusal, Reply},
    },
    run::{Input, Pairs},
    store::{
        append::BlockRow,
        runs::{LockedRun, Told, note_request},
    },
};

/// What is logged beside points.
struct Facts {
    params: Pairs,
    tags: Pairs,
    inputs: Vec<Input>,
}

impl RunApi {
    pub(super) async fn log(
        &self,
        workspace: WorkspaceId,
        request: proto::LogBatchRequest,
    ) -> Result<proto::LogBatchResponse, TrackingError> {
        let mut violations = Violations::default();
        let facts = Facts {
            params: convert::params(request.params, &mut violations),
            tags: convert::tags("tags", request.tags, &mut violations),
            inputs: convert::inputs("inputs", request.inputs, &mut violations),
        };
        let points = read_points(request.metrics, &mut violations);
        let request_id = fields::request_id(request.request_id, &mut violations);
        violations.finish()?;
        let id = convert::run_id(&request.run_id)?;
        let alone = facts.params.is_empty() && facts.tags.is_empty() && facts.inputs.is_empty();
        let stop_requested = if alone && points.count() > 0 {
            self.log_points(workspace, id, points, request_id).await?
        } else {
            self.log_facts(workspace, id, facts, points, request_id)
                .await?
        };
        Ok(proto::LogBatchResponse { stop_requested })
    }

    /// Logs points alone; whether the run is asked to stop.
    async fn log_points(
        &self,
        workspace: WorkspaceId,
        id: RunId,
        points: Points,
        request_id: Option<String>,
    ) -> Result<bool, TrackingError> {
        let run = self.store.run_key(workspace, id).await?;
        let unavailable = || {
            let error = std::io::Error::other("the committer gave up");
            TrackingError::Database(DatabaseError::Unavailable(error.into()))
        };
        let permit = self.committer.reserve(points.count() * 16).await;
        let (reply, answer) = oneshot::channel();
        let entry = Entry {
            workspace,
            run,
            claim: request_id.map_or(Claim::None, Claim::Request),
            reply: Reply::Call(reply),
            block: BlockRow::encode(&points),
            summaries: points.summaries(),
            permit: permit.ok_or_else(unavailable)?,
        };
        self.committer.commit(entry).await;
        match answer.await {
            Ok(Answer::Committed { stop_requested, .. }) => Ok(stop_requested),
            Ok(Answer::Refused {
                refusal: Refusal::RunDeleted,
                ..
            }) => Err(TrackingError::RunDeleted(id)),
            Ok(Answer::Refused { .. }) | Err(_) => Err(unavailable()),
        }
    }

    /// Logs all or none of it; whether the run is asked to stop.
    async fn log_facts(
        &self,
        workspace: WorkspaceId,
        id: RunId,
        facts: Facts,
        points: Points,
        request_id: Option<String>,
    ) -> Result<bool, TrackingError> {
        let Facts {
            params,
            tags,
            inputs,
        } = facts;
        let mut stop_requested = false;
        let change = async |transaction: &mut sqlx::PgConnection, locked: &mut LockedRun| {
            let (key, run) = (locked.key, &mut locked.run);
            if let Some(request_id) = &request_id
                && !note_request(transaction, key, request_id).await?
            {
                return Ok(Told::Unchanged);
            }
            let new_params = run.add_params(params)?;
            let new_inputs = run.add_inputs(inputs);
            if points.count() > 0 {
                stop_requested = self
                    .store
                    .append_points(transaction, workspace, key, &points)
                    .await?;
            }
            let unchanged = new_params.is_empty() && tags.is_empty() && new_inputs.is_empty();
            run.tags.extend(tags);
            Ok(match (unchanged, new_inputs.is_empty()) {
                (true, _) => Told::Unchanged,
                (false, true) => Told::Nothing,
                (false, false) => Told::Everything,
            })
        };
        self.store.change_run(workspace, id, change).await?;
        Ok(stop_requested)
    }
}

/// Points of a call as tables, in their order.
fn read_points(metrics: Vec<proto::Metric>, violations: &mut Violations) -> Points {
    if metrics.len() > POINTS_PER_BATCH {
        violations.add(
            "metrics",
            format!(
                "has {} points; at most {POINTS_PER_BATCH} are taken at a time",
                metrics.len()
            ),
        );
        return Points::default();
    }
    let now = Utc::now().timestamp_micros();
    let mut tables: Vec<PointTable> = Vec::new();
    // Keys of the last table.
    let mut keys: HashSet<String> = HashSet::new();
    for (index, metric) in metrics.into_iter().enumerate() {
        violations.check(format!("metrics[{index}].key"), check_key(&metric.key));
        let time = metric.time_us.unwrap_or(now);
        match tables.last_mut() {
            // A run of points of one metric stays one table, and so do metrics of one step.
            Some(table) if table.keys == [metric.key.as_str()] => {
                table.steps.push(metric.step);
                table.times_us.push(time);
                table.values.push(metric.value);
            }
            Some(table)
                if table.steps == [metric.step]
                    && table.times_us == [time]
                    && keys.insert(metric.key.clone()) =>
            {
                table.keys.push(metric.key);
                table.values.push(metric.value);
            }
            _ => {
                keys = HashSet::from([metric.key.clone()]);
                tables.push(PointTable {
                    keys: vec![metric.key],
                    steps: vec![metric.step],
                    times_us: vec![time],
                    values: vec![metric.value],
                });
            }
        }
    }
    Points(tables)
}
