-- How columns came from columns, and documents that producers attached to nodes. As with edges, ids are those that the
-- same transaction has found or made.

CREATE TABLE lineage.column_links (
    source       bigint NOT NULL,
    source_field text COLLATE "C" NOT NULL,
    target       bigint NOT NULL,
    target_field text COLLATE "C" NOT NULL,
    type         text COLLATE "C" NOT NULL,
    subtype      text COLLATE "C" NOT NULL,
    masking      boolean NOT NULL,
    description  text COLLATE "C" NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT column_links_key PRIMARY KEY (source, source_field, target, target_field, type, subtype, masking)
);
CREATE INDEX column_links_by_target ON lineage.column_links (target, target_field);
COMMENT ON TABLE lineage.column_links IS 'A column came from a column; both of one workspace';
COMMENT ON COLUMN lineage.column_links.source IS 'Id of the data set that was there before';
COMMENT ON COLUMN lineage.column_links.source_field IS 'Its column; empty for the data set as a whole';
COMMENT ON COLUMN lineage.column_links.target IS 'Id of the data set that came from it';
COMMENT ON COLUMN lineage.column_links.target_field IS 'Its column; empty for every column';
COMMENT ON COLUMN lineage.column_links.type IS 'Type of the transformation, such as DIRECT; may be empty';
COMMENT ON COLUMN lineage.column_links.subtype IS 'Its subtype, such as IDENTITY; may be empty';
COMMENT ON COLUMN lineage.column_links.masking IS 'Whether values of the source are hidden';
COMMENT ON COLUMN lineage.column_links.description IS 'The transformation in words; of several the greatest, so that order does not matter';
COMMENT ON COLUMN lineage.column_links.recorded_at IS 'When it was first heard of';
COMMENT ON CONSTRAINT column_links_key ON lineage.column_links IS 'A link once; also finds what came from a column';
COMMENT ON INDEX lineage.column_links_by_target IS 'Finds what a column came from, and whether anything is known of a data set''s columns';

CREATE TABLE lineage.documents (
    workspace_id int NOT NULL,
    digest       bytea NOT NULL,
    document     text COLLATE "C" NOT NULL,
    CONSTRAINT documents_key PRIMARY KEY (workspace_id, digest)
);
COMMENT ON TABLE lineage.documents IS 'Documents of facets by their content: most runs tell the same of a data set';
COMMENT ON COLUMN lineage.documents.workspace_id IS 'The workspace it belongs to';
COMMENT ON COLUMN lineage.documents.digest IS 'SHA-256 of the document';
COMMENT ON COLUMN lineage.documents.document IS 'JSON as it was written; text, for jsonb would change numbers and refuse some characters';

CREATE TABLE lineage.facets (
    node        bigint NOT NULL,
    name        text COLLATE "C" NOT NULL,
    scope       text COLLATE "C" NOT NULL,
    run         text COLLATE "C" NOT NULL,
    revision    bigint NOT NULL,
    digest      bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT facets_key PRIMARY KEY (node, name, scope, run)
);
CREATE INDEX facets_by_run ON lineage.facets (run, node) WHERE run <> '';
COMMENT ON TABLE lineage.facets IS 'What a run said of a node, the newest of each name';
COMMENT ON COLUMN lineage.facets.node IS 'Id of the node';
COMMENT ON COLUMN lineage.facets.name IS 'Name, such as schema';
COMMENT ON COLUMN lineage.facets.scope IS 'Empty for the node itself, or such as input and output';
COMMENT ON COLUMN lineage.facets.run IS 'Id of the run that told it; empty if none did';
COMMENT ON COLUMN lineage.facets.revision IS 'Revision it was given at: a lower one never replaces it';
COMMENT ON COLUMN lineage.facets.digest IS 'The document';
COMMENT ON COLUMN lineage.facets.recorded_at IS 'When it was last changed';
COMMENT ON CONSTRAINT facets_key ON lineage.facets IS 'One of each; also finds the facets of a node';
COMMENT ON INDEX lineage.facets_by_run IS 'Finds what a run told';
