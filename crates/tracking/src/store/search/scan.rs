//! One question, asked of all runs of a workspace as they were at one moment.
//!
//! The columns hold the settled runs. Those that changed of late are few, and are read from their own
//! rows, as columns too; both in one snapshot, so that each run is looked at once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use herdbook_core::{ExperimentId, WorkspaceId};
use sqlx::{FromRow, PgConnection};

use super::{
    cache::ColumnCache,
    facts::{Cells, ROWS, Wanted},
};
use crate::{
    TrackingError,
    blocking::blocking,
    search::{
        Attribute, Columns, Field, Filter, Keys, Mask, Rows, codec,
        column::{Column, Kind, SEGMENT_ROWS},
        evaluate, place,
    },
};

/// Bytes of columns that are looked at together, at least one segment.
const BYTES_AT_ONCE: i64 = 64 * 1024 * 1024;
/// Bytes of columns up to which those in memory are looked at where the question is: as quick as to hand them to another
/// thread.
const LITTLE: i64 = 512 * 1024;
/// Unsettled runs that are looked at together.
const RUNS_AT_ONCE: usize = 8_192;

/// Which runs are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// All of the workspace, if there are none.
    pub(crate) experiments: Vec<ExperimentId>,
    pub(crate) filter: Option<Filter>,
    /// As in [`crate::convert::view`].
    pub(crate) deleted: Option<bool>,
}

/// Takes what a scan finds, the newest segment first.
pub(super) trait Collect: Send + 'static {
    fn take(&mut self, rows: &Rows, hits: &Mask) -> Result<(), TrackingError>;

    /// Whether runs with keys of up to `newest` change nothing.
    fn is_decided(&self, newest: i64) -> bool;
}

impl Scope {
    fn fields(&self) -> BTreeSet<Field> {
        let mut fields = BTreeSet::new();
        if let Some(filter) = &self.filter {
            filter.fields(&mut fields);
        }
        if !self.experiments.is_empty() {
            fields.insert(Field::Attribute(Attribute::ExperimentId));
        }
        fields
    }

    fn hits(&self, rows: &Rows) -> Mask {
        let mut hits = rows.there.clone();
        if let (Some(deleted), Some(Column::Numbers(flags))) =
            (self.deleted, rows.columns.get(ROWS).map(Arc::as_ref))
        {
            let wanted = f64::from(u8::from(deleted));
            hits = hits.and(&flags.equal(wanted));
        }
        if !self.experiments.is_empty() {
            hits = match rows.column(&Field::Attribute(Attribute::ExperimentId)) {
                Some(Column::Numbers(ids)) => {
                    let any = self.experiments.iter().map(|id| ids.equal(id.0 as f64));
                    hits.and(&any.fold(Mask::none(rows.len()), |all, mask| all.or(&mask)))
                }
                _ => Mask::none(rows.len()),
            };
        }
        match &self.filter {
            Some(filter) if !hits.is_empty() => hits.and(&evaluate::matches(filter, rows)),
            _ => hits,
        }
    }
}

/// A column that a segment has.
#[derive(FromRow)]
struct Listed {
    name: String,
    segment: i64,
    version: i64,
    weight: i64,
}

/// A scan within the transaction of `connection`, which must show one moment.
pub(super) struct Scan<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) cache: &'a ColumnCache,
    pub(super) workspace: WorkspaceId,
}

impl Scan<'_> {
    /// Shows `collect` all runs in `scope`, with the columns of the `fields` it looks at.
    pub(super) async fn run<C: Collect>(
        mut self,
        scope: Scope,
        fields: BTreeSet<Field>,
        mut collect: C,
    ) -> Result<C, TrackingError> {
        let mut wanted = scope.fields();
        wanted.extend(fields);
        let scope = Arc::new(scope);
        let stale = self.stale().await?;
        collect = self.unsettled(&scope, &wanted, &stale, collect).await?;
        let stale = Arc::new(stale);
        let mut segments = self.segments(&wanted).await?;
        while let Some((newest, _)) = segments.last_key_value() {
            if collect.is_decided(newest_of(*newest)) {
                break;
            }
            let (together, weight) = take_together(&mut segments);
            let parts = self.load(together).await?;
            let little = weight <= LITTLE && parts.iter().all(|part| part.encoded.is_empty());
            let (scope, stale) = (scope.clone(), stale.clone());
            let (cache, workspace) = (self.cache.clone(), self.workspace);
            let look = move || {
                for part in parts {
                    if collect.is_decided(newest_of(part.segment)) {
                        break;
                    }
                    let rows = part.rows(&cache, workspace, &stale)?;
                    let hits = scope.hits(&rows);
                    collect.take(&rows, &hits)?;
                }
                Ok(collect)
            };
            collect = match little {
                true => look()?,
                false => blocking(look).await?,
            };
        }
        Ok(collect)
    }

    /// Runs of which the columns do not tell the truth, in their order: those that changed, and those
    /// that are no more.
    async fn stale(&mut self) -> Result<Vec<i64>, TrackingError> {
        let keys = sqlx::query_scalar(
            "SELECT run_key FROM tracking.run_heads WHERE workspace_id = $1 AND NOT settled \
             UNION ALL SELECT run_key FROM tracking.search_forgotten WHERE workspace_id = $1 \
             ORDER BY run_key",
        )
        .bind(self.workspace.0)
        .fetch_all(&mut *self.connection)
        .await?;
        Ok(keys)
    }

    /// Shows `collect` the runs `keys` from their own rows.
    async fn unsettled<C: Collect>(
        &mut self,
        scope: &Arc<Scope>,
        fields: &BTreeSet<Field>,
        keys: &[i64],
        mut collect: C,
    ) -> Result<C, TrackingError> {
        let wanted = Wanted::of(fields);
        for keys in keys.chunks(RUNS_AT_ONCE) {
            let mut cells = Cells::default();
            let row = |key| keys.binary_search(&key).unwrap_or_default();
            cells
                .read(self.connection, keys, Some(&wanted), row)
                .await?;
            let (scope, keys, fields) = (scope.clone(), keys.to_vec(), fields.clone());
            collect = blocking(move || {
                let rows = listed_rows(keys, &fields, &cells);
                let hits = scope.hits(&rows);
                collect.take(&rows, &hits)?;
                Ok(collect)
            })
            .await?;
        }
        Ok(collect)
    }

    /// The columns of `fields`, by their segments.
    async fn segments(
        &mut self,
        fields: &BTreeSet<Field>,
    ) -> Result<BTreeMap<i64, Vec<Listed>>, TrackingError> {
        let mut names: Vec<String> = fields.iter().map(Field::column).collect();
        names.push(ROWS.to_owned());
        let listed: Vec<Listed> = sqlx::query_as(
            "SELECT name, segment, version, weight FROM tracking.search_columns \
             WHERE workspace_id = $1 AND name = ANY($2)",
        )
        .bind(self.workspace.0)
        .bind(names)
        .fetch_all(&mut *self.connection)
        .await?;
        let mut segments: BTreeMap<i64, Vec<Listed>> = BTreeMap::new();
        for column in listed {
            segments.entry(column.segment).or_default().push(column);
        }
        Ok(segments)
    }

    /// Finds the columns in memory, or reads them.
    async fn load(&mut self, listed: Vec<Vec<Listed>>) -> Result<Vec<Part>, TrackingError> {
        let (mut parts, mut names, mut segments) = (Vec::new(), Vec::new(), Vec::new());
        let mut places = HashMap::new();
        for columns in listed {
            let mut part = Part::default();
            for column in columns {
                part.segment = column.segment;
                let name: Arc<str> = column.name.into();
                let place = (self.workspace, name.clone(), column.segment);
                match self.cache.get(&place, column.version) {
                    Some(kept) => {
                        part.columns.insert(name, kept);
                    }
                    None => {
                        places.insert((column.segment, name.clone()), parts.len());
                        names.push(name.to_string());
                        segments.push(column.segment);
                    }
                }
            }
            parts.push(part);
        }
        if names.is_empty() {
            return Ok(parts);
        }
        let rows: Vec<(String, i64, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT c.name, c.segment, c.version, c.data \
             FROM unnest($2::text[], $3::bigint[]) AS w (name, segment) \
             JOIN tracking.search_columns c \
                 ON c.workspace_id = $1 AND c.name = w.name AND c.segment = w.segment",
        )
        .bind(self.workspace.0)
        .bind(names)
        .bind(segments)
        .fetch_all(&mut *self.connection)
        .await?;
        for (name, segment, version, data) in rows {
            let name: Arc<str> = name.into();
            if let Some(part) = places.get(&(segment, name.clone())) {
                parts[*part].encoded.push((name, version, data));
            }
        }
        Ok(parts)
    }
}

/// A segment, as far as it is in memory.
#[derive(Default)]
struct Part {
    segment: i64,
    columns: Columns,
    /// Name, version and bytes of those that were not.
    encoded: Vec<(Arc<str>, i64, Vec<u8>)>,
}

impl Part {
    fn rows(
        self,
        cache: &ColumnCache,
        workspace: WorkspaceId,
        stale: &[i64],
    ) -> Result<Rows, TrackingError> {
        let mut columns = self.columns;
        for (name, version, data) in self.encoded {
            let column = Arc::new(codec::decode(&data)?);
            let place = (workspace, name.clone(), self.segment);
            cache.insert(place, version, column.clone());
            columns.insert(name, column);
        }
        let mut there = match columns.get(ROWS).map(Arc::as_ref) {
            Some(Column::Numbers(flags)) => flags.present().clone(),
            _ => Mask::none(SEGMENT_ROWS),
        };
        let first = stale.partition_point(|key| place(*key).0 < self.segment);
        let here = stale[first..].iter().map(|key| place(*key));
        for (_, row) in here.take_while(|(segment, _)| *segment == self.segment) {
            there.remove(row);
        }
        Ok(Rows {
            keys: Keys::Segment(self.segment),
            there,
            columns,
        })
    }
}

/// The last key of a segment.
fn newest_of(segment: i64) -> i64 {
    (segment + 1) * SEGMENT_ROWS as i64 - 1
}

/// The newest segments, as many as may be looked at together, and their bytes.
fn take_together(segments: &mut BTreeMap<i64, Vec<Listed>>) -> (Vec<Vec<Listed>>, i64) {
    let (mut together, mut weight) = (Vec::new(), 0);
    while let Some(last) = segments.last_entry() {
        let more: i64 = last.get().iter().map(|column| column.weight).sum();
        if weight + more > BYTES_AT_ONCE && !together.is_empty() {
            break;
        }
        weight += more;
        together.push(last.remove());
    }
    (together, weight)
}

/// Runs from their own rows, with the columns of `fields`.
fn listed_rows(keys: Vec<i64>, fields: &BTreeSet<Field>, cells: &Cells) -> Rows {
    let count = keys.len();
    let mut columns = Columns::default();
    let names = fields.iter().map(|field| (field.column(), field.kind()));
    for (name, kind) in names.chain([(ROWS.to_owned(), Kind::Numbers)]) {
        if let Some(cells) = cells.columns.get(&name) {
            columns.insert(name.into(), Arc::new(Column::build(kind, count, cells)));
        }
    }
    let there = match columns.get(ROWS).map(Arc::as_ref) {
        Some(Column::Numbers(flags)) => flags.present().clone(),
        _ => Mask::none(count),
    };
    Rows {
        keys: Keys::Listed(keys),
        there,
        columns,
    }
}
