-- Columns for search: what the runs of a segment have of one field. They replace the narrow tables.

CREATE SEQUENCE tracking.search_versions;

CREATE TABLE tracking.search_columns (
    workspace_id int NOT NULL,
    name         text COLLATE "C" NOT NULL,
    segment      bigint NOT NULL,
    version      bigint NOT NULL DEFAULT nextval('tracking.search_versions'),
    weight       bigint NOT NULL,
    data         bytea NOT NULL,
    PRIMARY KEY (workspace_id, name, segment)
);
COMMENT ON TABLE tracking.search_columns IS
    'Fields of settled runs, one row a field and segment, as crates/tracking/src/search/codec.rs writes them. Of runs that are not settled they hold what was once true, or nothing.';
COMMENT ON COLUMN tracking.search_columns.name IS 'Such as params.lr; the column named rows says which runs there are, and whether they are deleted.';
COMMENT ON COLUMN tracking.search_columns.segment IS 'run_key / 16384.';
COMMENT ON COLUMN tracking.search_columns.version IS 'Another one with each change: what is kept in memory is confirmed by it.';
COMMENT ON COLUMN tracking.search_columns.weight IS 'Bytes in memory, about.';
-- Compressed already.
ALTER TABLE tracking.search_columns ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX search_columns_segment ON tracking.search_columns (workspace_id, segment);

CREATE TABLE tracking.search_forgotten (
    workspace_id int NOT NULL,
    run_key      bigint NOT NULL,
    PRIMARY KEY (workspace_id, run_key)
);
COMMENT ON TABLE tracking.search_forgotten IS 'Runs that are no more, until they are taken out of the columns.';

CREATE FUNCTION tracking.forget_runs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tracking.search_forgotten (workspace_id, run_key)
    SELECT workspace_id, run_key FROM gone ORDER BY workspace_id, run_key;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION tracking.forget_runs IS 'Whoever removes a run need not know of the columns.';
CREATE TRIGGER forget_runs AFTER DELETE ON tracking.run_heads
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION tracking.forget_runs();

-- What they held stands whole in the runs' own rows.
DROP TABLE tracking.run_params, tracking.run_tags, tracking.run_inputs;
DROP INDEX tracking.metric_summaries_latest, tracking.metric_summaries_min, tracking.metric_summaries_max;
