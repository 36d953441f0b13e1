-- The graph of what came from what. Nodes and edges are only ever added: nothing deletes them, so
-- edges need no foreign keys (two look-ups for each of millions), and an edge is inserted only with
-- ids that the same transaction has found or made.

CREATE TABLE lineage.nodes (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id        int NOT NULL,
    kind                text COLLATE "C" NOT NULL,
    name                text COLLATE "C" NOT NULL,
    version             text COLLATE "C" NOT NULL,
    attributes          jsonb NOT NULL,
    attribute_revisions jsonb NOT NULL,
    revision            bigint NOT NULL,
    tags                jsonb NOT NULL,
    bare                boolean NOT NULL,
    recorded_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT nodes_key UNIQUE (workspace_id, kind, name, version)
);
COMMENT ON TABLE lineage.nodes IS 'Things with a pedigree';
COMMENT ON COLUMN lineage.nodes.id IS 'What edges call it; never leaves the service';
COMMENT ON COLUMN lineage.nodes.workspace_id IS 'The workspace it belongs to, as access numbers them';
COMMENT ON COLUMN lineage.nodes.kind IS 'Kind, such as dataset or run';
COMMENT ON COLUMN lineage.nodes.name IS 'Name, unique in kind and workspace together with the version';
COMMENT ON COLUMN lineage.nodes.version IS 'Which state of it; empty where a name has but one';
COMMENT ON COLUMN lineage.nodes.attributes IS 'Facts: an object of texts';
COMMENT ON COLUMN lineage.nodes.attribute_revisions IS 'Revision at which each attribute was given, by name; left out where it is 0';
COMMENT ON COLUMN lineage.nodes.revision IS 'Highest revision given so far';
COMMENT ON COLUMN lineage.nodes.tags IS 'Tags: a sorted array of texts';
COMMENT ON COLUMN lineage.nodes.bare IS 'Known only as the end of an edge, not recorded by itself yet';
COMMENT ON COLUMN lineage.nodes.recorded_at IS 'When it was first heard of';
COMMENT ON CONSTRAINT nodes_key ON lineage.nodes IS 'The natural key; also finds the nodes that a reference means';

CREATE TABLE lineage.edges (
    source      bigint NOT NULL,
    target      bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    type        smallint NOT NULL,
    label       text COLLATE "C" NOT NULL,
    CONSTRAINT edges_key PRIMARY KEY (source, target, type, label)
);
CREATE INDEX edges_by_target ON lineage.edges (target, source);
COMMENT ON TABLE lineage.edges IS 'The target came from the source; both of one workspace; never a cycle';
COMMENT ON COLUMN lineage.edges.source IS 'Id of the node that was there before';
COMMENT ON COLUMN lineage.edges.target IS 'Id of the node that came from it';
COMMENT ON COLUMN lineage.edges.recorded_at IS 'When it was first heard of';
COMMENT ON COLUMN lineage.edges.type IS 'Number of herdbook.lineage.v1.EdgeType';
COMMENT ON COLUMN lineage.edges.label IS 'Role of the source; may be empty';
COMMENT ON CONSTRAINT edges_key ON lineage.edges IS 'An edge once; also finds what came from a node';
COMMENT ON INDEX lineage.edges_by_target IS 'Finds what a node came from';
