-- Which edges changed when, so that a process can hold them in memory and bring that up to date.

-- Filling in what each edge belongs to may take longer than a statement may elsewhere.
SET LOCAL statement_timeout = 0;

CREATE TABLE lineage.revisions (
    workspace_id int PRIMARY KEY,
    revision     bigint NOT NULL,
    edges        bigint NOT NULL
);
COMMENT ON TABLE lineage.revisions IS 'How far the edges of a workspace have come; the last row that a transaction touches';
COMMENT ON COLUMN lineage.revisions.workspace_id IS 'The workspace; it has no row before its first edge';
COMMENT ON COLUMN lineage.revisions.revision IS 'Transactions so far that changed its edges';
COMMENT ON COLUMN lineage.revisions.edges IS 'Edges that were added so far';

CREATE TABLE lineage.changes (
    workspace_id int NOT NULL,
    revision     bigint NOT NULL,
    change       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    edges        bigint,
    CONSTRAINT changes_key PRIMARY KEY (workspace_id, revision)
);
COMMENT ON TABLE lineage.changes IS 'What made each of the latest revisions of a workspace; old ones are removed';
COMMENT ON COLUMN lineage.changes.workspace_id IS 'The workspace';
COMMENT ON COLUMN lineage.changes.revision IS 'The revision, without gaps';
COMMENT ON COLUMN lineage.changes.change IS 'The transaction: what it added has the same in lineage.edges';
COMMENT ON COLUMN lineage.changes.edges IS 'Edges that it added; null if it did more than add some, so that all have to be read anew';
COMMENT ON CONSTRAINT changes_key ON lineage.changes IS 'Also finds what came after a revision';

ALTER TABLE lineage.edges
    ADD COLUMN workspace_id int,
    ADD COLUMN change xid8;
UPDATE lineage.edges SET workspace_id = n.workspace_id FROM lineage.nodes AS n WHERE n.id = edges.source;
ALTER TABLE lineage.edges
    ALTER COLUMN workspace_id SET NOT NULL,
    ALTER COLUMN change SET DEFAULT pg_current_xact_id();
COMMENT ON COLUMN lineage.edges.workspace_id IS 'The workspace of both ends';
COMMENT ON COLUMN lineage.edges.change IS 'The transaction that added it; null if that was before there were revisions, lest the planner take one change for most of the table';

CREATE INDEX edges_by_change ON lineage.edges (workspace_id, change);
COMMENT ON INDEX lineage.edges_by_change IS 'Finds what a change added, and all edges of a workspace';

INSERT INTO lineage.revisions (workspace_id, revision, edges)
SELECT workspace_id, 1, count(*) FROM lineage.edges GROUP BY workspace_id;
