//! Which fields runs have, found by the names of their columns.

use std::collections::BTreeSet;

use herdbook_core::WorkspaceId;
use sqlx::PgConnection;

use super::scan::{Collect, Scan, Scope};
use crate::{
    TrackingError,
    search::{Field, Keyed, Keys, Mask, Rows, tally::Tally},
    store::Store,
};

/// Names that are looked at for one page: those that the runs in question do not have count too.
const NAMES: usize = 4_000;

/// What fields are asked for.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) kinds: Vec<Keyed>,
    pub(crate) prefix: String,
    /// What keys have in them, in any case.
    pub(crate) contains: String,
    pub(crate) differing: bool,
    pub(crate) after: Option<Place>,
    pub(crate) limit: usize,
}

/// Where a page ended.
pub(crate) type Place = (Keyed, String);

impl Store {
    /// A page of the fields that the runs in `scope` have, and where the next one begins.
    pub(crate) async fn run_fields(
        &self,
        workspace: WorkspaceId,
        scope: &Scope,
        listing: &Listing,
    ) -> Result<(Tally, Option<Place>), TrackingError> {
        let mut moment = self.moment().await?;
        let scan = Scan {
            connection: &mut moment,
            cache: &self.columns,
            workspace,
        };
        let runs = scan.run(scope.clone(), BTreeSet::new(), Whereabouts::default());
        let runs = runs.await?;
        let mut found = Tally::new([]);
        found.runs = runs.count;
        let (mut place, mut looked_at, mut next) = (listing.after.clone(), 0, None);
        'kinds: for kind in &listing.kinds {
            if runs.count == 0 || place.as_ref().is_some_and(|(at, _)| at > kind) {
                continue;
            }
            loop {
                let room = listing.limit - found.fields.len();
                if room == 0 || looked_at >= NAMES {
                    next = place;
                    break 'kinds;
                }
                let after = place.as_ref().filter(|(at, _)| at == kind);
                let after = after.map_or("", |(_, key)| key.as_str());
                let names = listing
                    .names(&mut moment, workspace, *kind, after, &runs, room)
                    .await?;
                let Some(last) = names.last().cloned() else {
                    break;
                };
                looked_at += names.len();
                let is_end = names.len() < room;
                place = Some((*kind, last));
                let fields: Vec<Field> = names.into_iter().map(|key| kind.field(key)).collect();
                let tally = Tally::new(fields.iter().cloned());
                let scan = Scan {
                    connection: &mut moment,
                    cache: &self.columns,
                    workspace,
                };
                let tally = scan.run(scope.clone(), fields.into_iter().collect(), tally);
                let tally = tally.await?;
                let differing = tally.fields.iter().map(|one| tally.differs(one));
                let differing: Vec<bool> = differing.collect();
                let kept = tally.fields.into_iter().zip(differing);
                found.fields.extend(
                    kept.filter(|(one, differs)| one.runs > 0 && (*differs || !listing.differing))
                        .map(|(one, _)| one),
                );
                if is_end {
                    break;
                }
            }
        }
        moment.commit().await?;
        Ok((found, next))
    }
}

impl Listing {
    /// The next names of a kind after `after`, of any of the runs; of settled ones by the index of the columns.
    async fn names(
        &self,
        connection: &mut PgConnection,
        workspace: WorkspaceId,
        kind: Keyed,
        after: &str,
        runs: &Whereabouts,
        limit: usize,
    ) -> Result<Vec<String>, TrackingError> {
        let column = kind.field(String::new()).column();
        let unsettled = match kind {
            // Each run's by themselves: a run may have thousands.
            Keyed::Metric => {
                "SELECT DISTINCT s.key FROM unnest($7::bigint[]) AS r (run_key) CROSS JOIN LATERAL ( \
                     SELECT m.key FROM tracking.metric_summaries m \
                     WHERE m.run_key = r.run_key AND m.key >= $3 AND m.key > $4 AND m.key < $5 \
                         AND strpos(lower(m.key), lower($6)) > 0 \
                     ORDER BY m.key LIMIT $8) s"
            }
            Keyed::Param => {
                "SELECT DISTINCT k.key COLLATE \"C\" FROM tracking.runs r, jsonb_object_keys(r.params) AS k (key) \
                 WHERE r.run_key = ANY($7) AND k.key COLLATE \"C\" >= $3 AND k.key COLLATE \"C\" > $4 \
                     AND k.key COLLATE \"C\" < $5 AND strpos(lower(k.key), lower($6)) > 0"
            }
            Keyed::Tag => {
                "SELECT DISTINCT k.key COLLATE \"C\" FROM tracking.runs r, jsonb_object_keys(r.tags) AS k (key) \
                 WHERE r.run_key = ANY($7) AND k.key COLLATE \"C\" >= $3 AND k.key COLLATE \"C\" > $4 \
                     AND k.key COLLATE \"C\" < $5 AND strpos(lower(k.key), lower($6)) > 0"
            }
        };
        let text = format!(
            "SELECT key FROM ( \
                 SELECT substr(name, length($2) + 1) COLLATE \"C\" AS key FROM ( \
                     SELECT DISTINCT name FROM tracking.search_columns \
                     WHERE workspace_id = $1 AND segment = ANY($9) AND name >= $2 || $3 AND name > $2 || $4 \
                         AND name < $2 || $5 AND strpos(lower(substr(name, length($2) + 1)), lower($6)) > 0 \
                     ORDER BY name LIMIT $8) AS settled \
                 UNION ({unsettled})) AS found \
             ORDER BY key LIMIT $8"
        );
        let names = sqlx::query_scalar(sqlx::AssertSqlSafe(text))
            .bind(workspace.0)
            .bind(column)
            .bind(&self.prefix)
            .bind(after)
            // After all that begin so: the last character there is, in the order of bytes.
            .bind(format!("{}\u{10FFFF}", self.prefix))
            .bind(&self.contains)
            .bind(&runs.unsettled)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(&runs.segments)
            .fetch_all(connection)
            .await?;
        Ok(names)
    }
}

/// Where the runs in question are kept.
#[derive(Debug, Default)]
struct Whereabouts {
    segments: Vec<i64>,
    unsettled: Vec<i64>,
    count: u64,
}

impl Collect for Whereabouts {
    fn take(&mut self, rows: &Rows, hits: &Mask) -> Result<(), TrackingError> {
        self.count += hits.count() as u64;
        match &rows.keys {
            Keys::Segment(segment) if !hits.is_empty() => self.segments.push(*segment),
            Keys::Segment(_) => {}
            Keys::Listed(_) => self
                .unsettled
                .extend(hits.newest_first().map(|row| rows.key(row))),
        }
        Ok(())
    }

    fn is_decided(&self, _: i64) -> bool {
        false
    }
}

impl Collect for Tally {
    fn take(&mut self, rows: &Rows, hits: &Mask) -> Result<(), TrackingError> {
        self.add(rows, hits);
        Ok(())
    }

    fn is_decided(&self, _: i64) -> bool {
        false
    }
}
