//! Names of nodes by a part of them.
//!
//! A search looks at every node of the kinds in `nodes_key`, and no further index is kept for it, so that recording
//! stays quick: a hundred thousand nodes take tens of milliseconds. Without a text it ends as soon as it has enough.

use super::Snapshot;
use crate::{LineageError, node::NodeId};

/// A name under which nodes are recorded.
pub(crate) struct FoundName {
    /// The node that was recorded last, of those that were found.
    pub(crate) latest: NodeId,
    /// How many were found.
    pub(crate) versions: u32,
}

impl Snapshot {
    /// Names of `kinds` (of all, if empty) that have `text` in them, in any case, or a version that begins with
    /// it, with or without `sha256:`: those that begin with it first, then by kind and name; at most `limit`.
    pub(crate) async fn names(
        &mut self,
        text: &str,
        kinds: &[String],
        limit: usize,
    ) -> Result<Vec<FoundName>, LineageError> {
        let statement = match text {
            "" => {
                "WITH found AS ( \
                     SELECT kind, name, count(*) AS versions FROM lineage.nodes \
                     WHERE workspace_id = $1 AND ($2 = '{}' OR kind = ANY($2)) \
                     GROUP BY kind, name ORDER BY kind, name LIMIT $3) \
                 SELECT n.id, f.versions FROM found AS f CROSS JOIN LATERAL ( \
                     SELECT max(id) AS id FROM lineage.nodes \
                     WHERE workspace_id = $1 AND kind = f.kind AND name = f.name) AS n \
                 ORDER BY f.kind, f.name"
            }
            _ => {
                "WITH found AS ( \
                     SELECT kind, name, count(*) AS versions, starts_with(lower(name), $4) AS first \
                     FROM lineage.nodes \
                     WHERE workspace_id = $1 AND ($2 = '{}' OR kind = ANY($2)) \
                         AND (strpos(lower(name), $4) > 0 OR starts_with(version, $4) \
                             OR starts_with(version, 'sha256:' || $4)) \
                     GROUP BY kind, name ORDER BY first DESC, kind, name LIMIT $3) \
                 SELECT n.id, f.versions FROM found AS f CROSS JOIN LATERAL ( \
                     SELECT max(id) AS id FROM lineage.nodes \
                     WHERE workspace_id = $1 AND kind = f.kind AND name = f.name \
                         AND (strpos(lower(name), $4) > 0 OR starts_with(version, $4) \
                             OR starts_with(version, 'sha256:' || $4))) AS n \
                 ORDER BY f.first DESC, f.kind, f.name"
            }
        };
        let mut query = sqlx::query_as(statement)
            .bind(self.workspace.0)
            .bind(kinds)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        if !text.is_empty() {
            query = query.bind(text.to_lowercase());
        }
        let rows: Vec<(i64, i64)> = query.fetch_all(&mut *self.transaction).await?;
        let name = |(id, versions)| FoundName {
            latest: NodeId(id),
            versions: u32::try_from(versions).unwrap_or(u32::MAX),
        };
        Ok(rows.into_iter().map(name).collect())
    }
}
