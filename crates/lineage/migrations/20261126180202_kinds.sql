-- Kinds of nodes that a workspace defines besides those that are built in.

CREATE TABLE lineage.kinds (
    workspace_id int NOT NULL,
    name         text COLLATE "C" NOT NULL,
    description  text NOT NULL,
    sort         smallint NOT NULL,
    attributes   jsonb NOT NULL,
    edges_in     smallint[] NOT NULL,
    edges_out    smallint[] NOT NULL,
    CONSTRAINT kinds_key PRIMARY KEY (workspace_id, name)
);
COMMENT ON TABLE lineage.kinds IS 'Kinds that a workspace defines';
COMMENT ON COLUMN lineage.kinds.workspace_id IS 'The workspace it belongs to';
COMMENT ON COLUMN lineage.kinds.name IS 'Name, as nodes have it; none of the built-in ones';
COMMENT ON COLUMN lineage.kinds.description IS 'What it is, for people';
COMMENT ON COLUMN lineage.kinds.sort IS 'Number of herdbook.lineage.v1.KindSort';
COMMENT ON COLUMN lineage.kinds.attributes IS 'Attributes that a node must have: an object of numbers of herdbook.lineage.v1.AttributeType';
COMMENT ON COLUMN lineage.kinds.edges_in IS 'Numbers of the edge types that may lead to such a node; all if empty';
COMMENT ON COLUMN lineage.kinds.edges_out IS 'Numbers of the edge types that may lead from such a node; all if empty';
COMMENT ON CONSTRAINT kinds_key ON lineage.kinds IS 'A kind once; also finds those of a batch';

-- Any kind could be recorded so far: those that were are defined, as asking for nothing.
INSERT INTO lineage.kinds (workspace_id, name, description, sort, attributes, edges_in, edges_out)
SELECT DISTINCT workspace_id, kind, '', 0, '{}'::jsonb, '{}'::smallint[], '{}'::smallint[] FROM lineage.nodes
WHERE kind NOT IN ('dataset', 'run', 'model_version', 'code', 'environment', 'feature_set', 'artifact',
    'pipeline', 'deployment');
