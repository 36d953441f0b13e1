-- Other names of nodes.

CREATE TABLE lineage.aliases (
    workspace_id   int NOT NULL,
    kind           text COLLATE "C" NOT NULL,
    name           text COLLATE "C" NOT NULL,
    version        text COLLATE "C" NOT NULL,
    target_kind    text COLLATE "C" NOT NULL,
    target_name    text COLLATE "C" NOT NULL,
    target_version text COLLATE "C" NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    recorded_by    text NOT NULL,
    CONSTRAINT aliases_key PRIMARY KEY (workspace_id, kind, name, version)
);
COMMENT ON TABLE lineage.aliases IS 'Keys that mean a node of another key, forever; no node has a key that stands here';
COMMENT ON COLUMN lineage.aliases.workspace_id IS 'The workspace it belongs to';
COMMENT ON COLUMN lineage.aliases.kind IS 'Kind of the other key';
COMMENT ON COLUMN lineage.aliases.name IS 'Name of the other key';
COMMENT ON COLUMN lineage.aliases.version IS 'Version of the other key';
COMMENT ON COLUMN lineage.aliases.target_kind IS 'Kind of the key that is meant, which may have become an alias itself';
COMMENT ON COLUMN lineage.aliases.target_name IS 'Name of the key that is meant';
COMMENT ON COLUMN lineage.aliases.target_version IS 'Version of the key that is meant';
COMMENT ON COLUMN lineage.aliases.recorded_at IS 'Since when it has meant that';
COMMENT ON COLUMN lineage.aliases.recorded_by IS 'Who said so';
COMMENT ON CONSTRAINT aliases_key ON lineage.aliases IS 'A key means one node; also finds what it means';

CREATE INDEX nodes_by_digest ON lineage.nodes (workspace_id, version, name)
    WHERE kind = 'dataset' AND version <> '';
COMMENT ON INDEX lineage.nodes_by_digest IS 'Finds data sets of one digest under two names';
