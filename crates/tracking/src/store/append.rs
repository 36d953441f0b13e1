//! The one statement by which a group of batches is committed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_postgres::DatabaseError;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, PgExecutor, SqlSafeStr as _, SqlStr};

use super::{
    Store,
    changes::Changes,
    generations::{SLOTS, slot},
    lane::Lane,
    parts::with_parts,
};
use crate::{
    TrackingError,
    blocking::blocking,
    committer::{Advance, Change},
    metrics::{Points, Summary, codec},
    quota::Usage,
    run::RunKey,
};

/// Division by zero: how the statement says that something did not move.
const NOT_MOVED: &str = "22012";
/// Points from which on a batch is encoded off the threads that serve everybody.
const LARGE: usize = 20_000;

/// A batch as a row.
#[derive(Debug)]
pub(crate) struct BlockRow {
    pub(crate) keys: Vec<String>,
    pub(crate) min_step: i64,
    pub(crate) max_step: i64,
    pub(crate) first_time_us: i64,
    pub(crate) points: i32,
    pub(crate) data: Vec<u8>,
}

impl BlockRow {
    /// Encodes `points`, with what each metric comes to by them; many of them off the threads that serve
    /// everybody.
    pub(crate) async fn encode(
        points: Points,
    ) -> Result<(Self, BTreeMap<String, Summary>), TrackingError> {
        let large = points.count() >= LARGE;
        let encode = move || Ok((Self::of(&points), points.summaries()));
        if large {
            blocking(encode).await
        } else {
            encode()
        }
    }

    /// Bytes that it takes.
    fn bytes(&self) -> i64 {
        i64::try_from(self.data.len()).unwrap_or(i64::MAX)
    }

    /// What it adds to a workspace.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            points: i64::from(self.points),
            bytes: self.bytes(),
            ..Usage::default()
        }
    }

    fn of(points: &Points) -> Self {
        let (min_step, max_step) = points.step_range();
        Self {
            keys: points.keys().into_iter().map(str::to_owned).collect(),
            min_step,
            max_step,
            first_time_us: points.first_time_us(),
            points: i32::try_from(points.count()).unwrap_or(i32::MAX),
            data: codec::block::encode(points),
        }
    }
}

/// What a group adds to a run.
#[derive(Debug, Default)]
struct Growth {
    blocks: i64,
    points: i64,
    bytes: i64,
    first_time_us: Option<i64>,
}

/// What is committed together. Each writer and each request may stand in it once.
#[derive(Debug, Default)]
pub(crate) struct Group<'a> {
    runs: BTreeMap<RunKey, Growth>,
    advances: Vec<(RunKey, &'a Advance)>,
    requests: Vec<(RunKey, &'a str)>,
    /// With the number that each has among the blocks that its run gets.
    blocks: Vec<(RunKey, i64, &'a BlockRow)>,
    summaries: BTreeMap<(RunKey, &'a str), (WorkspaceId, Summary)>,
    /// Points and bytes.
    usage: BTreeMap<i32, (i64, i64)>,
    changes: Changes<'a>,
}

/// What came of a group.
#[derive(Debug, Default)]
pub(crate) struct Appended {
    /// Those of its runs that are asked to stop.
    pub(crate) stop: Vec<RunKey>,
    /// When those of which the row was written were changed.
    pub(crate) changed: HashMap<RunKey, DateTime<Utc>>,
}

impl<'a> Group<'a> {
    /// Adds a block after those that the run has already; one without points adds nothing, but its
    /// writer moves on.
    pub(crate) fn block(&mut self, workspace: WorkspaceId, run: RunKey, block: &'a BlockRow) {
        let growth = self.runs.entry(run).or_default();
        if block.points == 0 {
            return;
        }
        growth.blocks += 1;
        growth.points += i64::from(block.points);
        let first = growth.first_time_us.unwrap_or(i64::MAX);
        growth.first_time_us = Some(first.min(block.first_time_us));
        self.blocks.push((run, growth.blocks, block));
        growth.bytes += block.bytes();
        let (points, bytes) = self.usage.entry(workspace.0).or_default();
        *points += i64::from(block.points);
        *bytes += block.bytes();
    }

    /// Takes in what metrics came to by the blocks.
    pub(crate) fn summaries(
        &mut self,
        workspace: WorkspaceId,
        run: RunKey,
        summaries: &'a BTreeMap<String, Summary>,
    ) {
        for (key, summary) in summaries {
            self.summaries
                .entry((run, key))
                .and_modify(|(_, merged)| merged.add(summary))
                .or_insert((workspace, *summary));
        }
    }

    pub(crate) fn advance(&mut self, run: RunKey, advance: &'a Advance) {
        self.advances.push((run, advance));
    }

    pub(crate) fn request(&mut self, run: RunKey, id: &'a str) {
        self.requests.push((run, id));
    }

    /// Writes a run's row as was decided. A run may be changed once in a group.
    pub(crate) fn change(&mut self, workspace: WorkspaceId, run: RunKey, change: &'a Change) {
        self.runs.entry(run).or_default();
        if let Some(decided) = change.decided() {
            self.changes.add(workspace, run, decided);
        }
    }
}

/// What the statement of a group answers; nothing of changes, if it has none.
#[derive(FromRow)]
struct AppendedRow {
    stop: Vec<i64>,
    #[sqlx(default)]
    changed: Vec<i64>,
    #[sqlx(default)]
    changed_at: Vec<DateTime<Utc>>,
}

/// The generation that is written to, as this process last saw it; 0 if it does not know.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenGeneration(Arc<AtomicI64>);

/// The parts that the statement of a group may be without.
const PARTS: [&str; 4] = ["writers", "requests", "points", "changes"];

/// The statement of a group that has something for the parts at which `has` is true, for a table of the ring.
fn statement(slot: usize, has: [bool; PARTS.len()]) -> SqlStr {
    static MADE: [[OnceLock<SqlStr>; 1 << PARTS.len()]; SLOTS] =
        [const { [const { OnceLock::new() }; 1 << PARTS.len()] }; SLOTS];
    let number = has
        .iter()
        .rev()
        .fold(0, |bits, has| bits << 1 | usize::from(*has));
    let make = || {
        let wanted = |part: &str| {
            PARTS
                .iter()
                .zip(has)
                .any(|(name, has)| has && *name == part)
        };
        let statement = with_parts(include_str!("append_group.sql"), wanted);
        // Safe: the slot is a number of ours.
        AssertSqlSafe(statement.replace("_{slot}", &format!("_{slot}"))).into_sql_str()
    };
    MADE[slot][number].get_or_init(make).clone()
}

impl Store {
    /// Commits a group: everything in it moves, or nothing happens and the answer is `None`: a number,
    /// request or run was not as expected, or the generation was closed. One statement, so one round
    /// trip and one flush of the log.
    pub(crate) async fn append_group(
        &self,
        lane: &mut Lane,
        group: &Group<'_>,
    ) -> Result<Option<Appended>, DatabaseError> {
        let shard = lane.shard;
        let append = async |connection: &mut PgConnection| {
            let generation = self.open_generation(&mut *connection).await?;
            self.append(connection, generation, shard, group).await
        };
        let appended = lane.connection.run(append).await;
        if !matches!(appended, Ok(Some(_))) {
            self.generation.0.store(0, Ordering::Release);
        } else if group.changes.tells() {
            self.outbox.wake();
        }
        appended
    }

    /// The generation to write to, as it is known here or, if it is not, there.
    async fn open_generation(&self, executor: impl PgExecutor<'_>) -> Result<i64, DatabaseError> {
        let known = self.generation.0.load(Ordering::Acquire);
        if known > 0 {
            return Ok(known);
        }
        let id: i64 = sqlx::query_scalar(
            "SELECT id FROM tracking.metric_generations WHERE closed_at IS NULL",
        )
        .fetch_one(executor)
        .await?;
        self.generation.0.store(id, Ordering::Release);
        Ok(id)
    }

    async fn append(
        &self,
        executor: impl PgExecutor<'_>,
        generation: i64,
        shard: i16,
        group: &Group<'_>,
    ) -> Result<Option<Appended>, DatabaseError> {
        let Group {
            runs,
            advances,
            requests,
            blocks,
            summaries,
            usage,
            changes,
        } = group;
        let column = |of: fn(&Growth) -> i64| runs.values().map(of).collect::<Vec<_>>();
        let has = [
            !advances.is_empty(),
            !requests.is_empty(),
            !blocks.is_empty(),
            !changes.is_empty(),
        ];
        let statement = sqlx::query_as(statement(slot(generation), has))
            .bind(runs.keys().map(|run| run.0).collect::<Vec<_>>())
            .bind(column(|growth| growth.blocks))
            .bind(column(|growth| growth.points))
            .bind(column(|growth| growth.bytes))
            .bind(runs.values().map(|g| g.first_time_us).collect::<Vec<_>>())
            .bind(advances.iter().map(|(run, _)| run.0).collect::<Vec<_>>())
            .bind(
                advances
                    .iter()
                    .map(|(_, a)| a.writer.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(advances.iter().map(|(_, a)| a.epoch).collect::<Vec<_>>())
            .bind(
                advances
                    .iter()
                    .map(|(_, a)| to_database(a.from))
                    .collect::<Vec<_>>(),
            )
            .bind(
                advances
                    .iter()
                    .map(|(_, a)| to_database(a.to))
                    .collect::<Vec<_>>(),
            )
            .bind(requests.iter().map(|(run, _)| run.0).collect::<Vec<_>>())
            .bind(requests.iter().map(|(_, id)| *id).collect::<Vec<_>>())
            .bind(blocks.iter().map(|(run, ..)| run.0).collect::<Vec<_>>())
            .bind(
                blocks
                    .iter()
                    .map(|(_, number, _)| *number)
                    .collect::<Vec<_>>(),
            )
            .bind(
                blocks
                    .iter()
                    .map(|(.., block)| block.keys.join("\n"))
                    .collect::<Vec<_>>(),
            )
            .bind(blocks.iter().map(|(.., b)| b.min_step).collect::<Vec<_>>())
            .bind(blocks.iter().map(|(.., b)| b.max_step).collect::<Vec<_>>())
            .bind(blocks.iter().map(|(.., b)| b.points).collect::<Vec<_>>())
            .bind(
                blocks
                    .iter()
                    .map(|(.., b)| b.data.as_slice())
                    .collect::<Vec<_>>(),
            )
            .bind(summaries.keys().map(|(run, _)| run.0).collect::<Vec<_>>())
            .bind(
                summaries
                    .values()
                    .map(|(workspace, _)| workspace.0)
                    .collect::<Vec<_>>(),
            )
            .bind(summaries.keys().map(|(_, key)| *key).collect::<Vec<_>>())
            .bind(
                summaries
                    .values()
                    .map(|(_, s)| s.latest)
                    .collect::<Vec<_>>(),
            )
            .bind(
                summaries
                    .values()
                    .map(|(_, s)| s.latest_step)
                    .collect::<Vec<_>>(),
            )
            .bind(
                summaries
                    .values()
                    .map(|(_, s)| s.latest_time_us)
                    .collect::<Vec<_>>(),
            )
            .bind(summaries.values().map(|(_, s)| s.min).collect::<Vec<_>>())
            .bind(summaries.values().map(|(_, s)| s.max).collect::<Vec<_>>())
            .bind(summaries.values().map(|(_, s)| s.count).collect::<Vec<_>>())
            .bind(shard)
            .bind(usage.keys().copied().collect::<Vec<_>>())
            .bind(
                usage
                    .values()
                    .map(|(points, _)| *points)
                    .collect::<Vec<_>>(),
            )
            .bind(usage.values().map(|(_, bytes)| *bytes).collect::<Vec<_>>())
            .bind(generation);
        let result: Result<AppendedRow, _> = changes.bind(statement).fetch_one(executor).await;
        match result {
            Ok(row) => Ok(Some(Appended {
                stop: row.stop.into_iter().map(RunKey).collect(),
                changed: row
                    .changed
                    .into_iter()
                    .map(RunKey)
                    .zip(row.changed_at)
                    .collect(),
            })),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NOT_MOVED) => {
                Ok(None)
            }
            Err(error) => {
                let error = DatabaseError::from(error);
                match error.unique_violation() {
                    Some("log_requests_pkey") => Ok(None),
                    _ => Err(error),
                }
            }
        }
    }
}

fn to_database(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
