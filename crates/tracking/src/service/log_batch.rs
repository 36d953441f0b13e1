//! LogBatch: points, and what is written into a run's row beside them, committed with those of everybody else.

use std::collections::HashMap;

use chrono::Utc;
use herdbook_core::{RunId, WorkspaceId, check_key, limits::POINTS_PER_BATCH};
use herdbook_postgres::DatabaseError;
use herdbook_proto::{Violations, fields, tracking::v1 as proto};
use tokio::sync::oneshot;

use super::runs::RunApi;
use crate::{
    TrackingError,
    committer::{Advance, Answer, Change, Claim, Entry, NotChanged, Refusal, Reply, Rule},
    convert,
    metrics::{PointTable, Points},
    run::{Input, Pairs, Run, RunKey, Told},
    store::{append::BlockRow, requests::Requests},
};

/// Characters in the name of a stream.
const STREAM_CHARS: usize = 127;
/// Attempts at a place in a stream that others move too.
const ATTEMPTS: usize = 10;

/// What is logged beside points.
struct Facts {
    params: Pairs,
    tags: Pairs,
    inputs: Vec<Input>,
}

impl Facts {
    fn is_empty(&self) -> bool {
        self.params.is_empty() && self.tags.is_empty() && self.inputs.is_empty()
    }

    /// All of it becomes part of `run`, or nothing.
    fn add_to(&self, run: &mut Run) -> Result<Told, TrackingError> {
        let new_params = run.add_params(self.params.clone())?;
        let new_inputs = run.add_inputs(self.inputs.clone());
        let is_new = |(key, value): (&String, &String)| run.tags.get(key) != Some(value);
        let tagged = self.tags.iter().any(is_new);
        run.tags.extend(self.tags.clone());
        Ok(
            match (new_inputs.is_empty(), new_params.is_empty(), tagged) {
                (false, ..) => Told::Everything,
                (true, false, _) => Told::Itself,
                (true, true, true) => Told::Nothing,
                (true, true, false) => Told::Unchanged,
            },
        )
    }
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
        check_points(&request.metrics, &mut violations);
        let request_id = fields::request_id(request.request_id, &mut violations);
        let alone = facts.is_empty();
        if let Some(position) = &request.position {
            if !alone || request_id.is_some() {
                let what = "is for metrics alone; send the rest, and request_id, in another call";
                violations.add("position", what);
            }
            violations.check("position.stream", check_stream(&position.stream));
        }
        violations.finish()?;
        let id = convert::run_id(&request.run_id)?;
        let points = request.metrics;
        let stop_requested = if let Some(position) = request.position {
            self.log_at(workspace, id, points, position).await?
        } else if alone && !points.is_empty() {
            let run = self.store.run_key(workspace, id).await?;
            let claim = request_id.map_or(Claim::None, Claim::Request);
            match self
                .commit(workspace, run, to_points(points), claim)
                .await?
            {
                Answer::Committed { stop_requested, .. } => stop_requested,
                Answer::Refused { refusal, .. } => return Err(refused(id, refusal)),
            }
        } else {
            let rule = Box::new(move |run: &mut Run| facts.add_to(run));
            let claim = request_id.map_or(Claim::None, Claim::Request);
            self.change(workspace, id, to_points(points), claim, rule)
                .await?
                .stop_requested
        };
        Ok(proto::LogBatchResponse { stop_requested })
    }

    /// Logs points from a place in a stream of the client on, those that it does not have yet; whether
    /// the run is asked to stop.
    async fn log_at(
        &self,
        workspace: WorkspaceId,
        id: RunId,
        mut points: Vec<proto::Metric>,
        position: proto::StreamPosition,
    ) -> Result<bool, TrackingError> {
        let run = self.store.run_key(workspace, id).await?;
        // No writer of a stream can be called so: their ids have no control characters.
        let writer = format!("\u{1}{}", position.stream);
        let mut offset = position.offset;
        let count = u64::try_from(points.len()).unwrap_or(u64::MAX);
        let end = offset.saturating_add(count);
        for _ in 0..ATTEMPTS {
            let opened = self.store.open_writer(run, &writer, 0).await?;
            let Some(opened) = opened else { break };
            let has = opened.sequence;
            if offset > has {
                return Err(TrackingError::StreamGap {
                    run: id,
                    stream: position.stream,
                    expected: has,
                });
            }
            if end <= has {
                return Ok(opened.stop_requested);
            }
            points.drain(
                ..usize::try_from(has - offset)
                    .unwrap_or(usize::MAX)
                    .min(points.len()),
            );
            offset = has;
            let claim = Claim::Range(Advance {
                writer: writer.clone(),
                epoch: 0,
                from: has,
                to: end,
            });
            match self
                .commit(workspace, run, to_points(points.clone()), claim)
                .await?
            {
                Answer::Committed { stop_requested, .. } => return Ok(stop_requested),
                // Another call was faster: what is left is looked at again.
                Answer::Refused {
                    refusal: Refusal::Gap { .. },
                    ..
                } => {}
                Answer::Refused { refusal, .. } => return Err(refused(id, refusal)),
            }
        }
        Err(refused(id, Refusal::Unavailable))
    }

    /// Hands points to the committer and waits for its answer.
    async fn commit(
        &self,
        workspace: WorkspaceId,
        run: RunKey,
        points: Points,
        claim: Claim,
    ) -> Result<Answer, TrackingError> {
        let (reply, answer) = oneshot::channel();
        let reply = Reply::Call(reply);
        if !self.hand_on(workspace, run, points, claim, reply).await? {
            return Ok(Answer::Committed {
                sequence: 0,
                stop_requested: false,
            });
        }
        answer.await.map_err(|_| unavailable())
    }

    /// Changes a run by `rule`, and logs points with it, all or nothing; the run as it is then.
    pub(super) async fn change(
        &self,
        workspace: WorkspaceId,
        id: RunId,
        points: Points,
        claim: Claim,
        rule: Rule,
    ) -> Result<Run, TrackingError> {
        let run = self.store.run_key(workspace, id).await?;
        let (change, outcome) = Change::new(id, rule);
        let reply = Reply::Change(Box::new(change));
        if !self.hand_on(workspace, run, points, claim, reply).await? {
            return Ok(self.store.run(workspace, id).await?.1);
        }
        let outcome = outcome.await.map_err(|_| unavailable())?;
        outcome.map_err(|error| match error {
            NotChanged::Ruled(error) => error,
            NotChanged::Refused(refusal) => refused(id, refusal),
        })
    }

    /// Hands on what the committer is to do; `false` if there is no room for it, but it was done already.
    async fn hand_on(
        &self,
        workspace: WorkspaceId,
        run: RunKey,
        points: Points,
        claim: Claim,
        reply: Reply,
    ) -> Result<bool, TrackingError> {
        let permit = self.committer.reserve(points.count() * 16).await;
        let (block, summaries) = BlockRow::encode(points).await?;
        let request_id = match &claim {
            Claim::Request(id) => Some(id.as_str()),
            _ => None,
        };
        if !self.admit(workspace, run, &block, request_id).await? {
            return Ok(false);
        }
        let entry = Entry {
            workspace,
            run,
            claim,
            reply,
            block,
            summaries,
            permit: permit.ok_or_else(unavailable)?,
        };
        self.committer.commit(entry).await;
        Ok(true)
    }

    /// Lets a block in; `false` if it has no room, but the same call was done already.
    async fn admit(
        &self,
        workspace: WorkspaceId,
        run: RunKey,
        block: &BlockRow,
        request_id: Option<&str>,
    ) -> Result<bool, TrackingError> {
        let Err(error) = self.quotas.admit(workspace, block.usage()).await else {
            return Ok(true);
        };
        if let Some(id) = request_id
            && !self
                .store
                .requests_done(Requests::Log, &[(run, id)])
                .await?
                .is_empty()
        {
            return Ok(false);
        }
        Err(error)
    }
}

fn unavailable() -> TrackingError {
    DatabaseError::unavailable("the committer gave up").into()
}

fn refused(run: RunId, refusal: Refusal) -> TrackingError {
    match refusal {
        Refusal::RunDeleted => TrackingError::RunDeleted(run),
        Refusal::Full => DatabaseError::full("the committer was told so").into(),
        Refusal::Fenced | Refusal::Gap { .. } | Refusal::Unavailable => unavailable(),
    }
}

fn check_stream(stream: &str) -> Result<(), String> {
    let length = stream.chars().count();
    if length == 0 || length > STREAM_CHARS || stream.chars().any(char::is_control) {
        return Err(format!(
            "must be 1 to {STREAM_CHARS} characters on one line"
        ));
    }
    Ok(())
}

fn check_points(metrics: &[proto::Metric], violations: &mut Violations) {
    let count = metrics.len();
    if count > POINTS_PER_BATCH {
        let what = format!("has {count} points; at most {POINTS_PER_BATCH} are taken at a time");
        violations.add("metrics", what);
        return;
    }
    for (index, metric) in metrics.iter().enumerate() {
        if let Err(error) = check_key(&metric.key) {
            violations.add(format!("metrics[{index}].key"), error.to_string());
        }
    }
}

/// Points of a call as tables, in their order.
fn to_points(metrics: Vec<proto::Metric>) -> Points {
    let now = Utc::now().timestamp_micros();
    let mut tables: Vec<PointTable> = Vec::new();
    // The number, counted from 1, of the last table that has a key.
    let mut seen: HashMap<String, usize> = HashMap::new();
    for metric in metrics {
        let time = metric.time_us.unwrap_or(now);
        let count = tables.len();
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
                    && seen.get(&metric.key) != Some(&count) =>
            {
                note(&mut seen, &metric.key, count);
                table.keys.push(metric.key);
                table.values.push(metric.value);
            }
            _ => {
                note(&mut seen, &metric.key, count + 1);
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

/// Notes that `key` is in table `number`.
fn note(seen: &mut HashMap<String, usize>, key: &str, number: usize) {
    match seen.get_mut(key) {
        Some(last) => *last = number,
        None => {
            seen.insert(key.to_owned(), number);
        }
    }
}
