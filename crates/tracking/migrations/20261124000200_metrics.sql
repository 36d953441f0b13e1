-- Metric points: a row a batch, and what each metric came to.

CREATE TABLE tracking.metric_writers (
    run_key   bigint NOT NULL REFERENCES tracking.runs,
    writer_id text COLLATE "C" NOT NULL,
    epoch     bigint NOT NULL,
    sequence  bigint NOT NULL,
    PRIMARY KEY (run_key, writer_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE tracking.metric_writers IS
    'Who streams points. A batch is applied in the transaction that moves sequence from n-1 to n: this is what makes it exactly once.';
COMMENT ON COLUMN tracking.metric_writers.epoch IS 'Of the newest process; older ones are refused.';

CREATE TABLE tracking.metric_blocks (
    run_key  bigint NOT NULL,
    id       bigint GENERATED ALWAYS AS IDENTITY,
    keys     text[] NOT NULL,
    min_step bigint NOT NULL,
    max_step bigint NOT NULL,
    points   int NOT NULL,
    data     bytea NOT NULL,
    PRIMARY KEY (run_key, id)
);
COMMENT ON TABLE tracking.metric_blocks IS 'Batches of points, as crates/tracking/src/metrics/codec.rs writes them.';
-- The codec has compressed it; trying again costs time and saves nothing.
ALTER TABLE tracking.metric_blocks ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE tracking.metric_summaries (
    run_key        bigint NOT NULL,
    workspace_id   int NOT NULL,
    key            text COLLATE "C" NOT NULL,
    latest         double precision NOT NULL,
    latest_step    bigint NOT NULL,
    latest_time_us bigint NOT NULL,
    min            double precision,
    max            double precision,
    count          bigint NOT NULL,
    PRIMARY KEY (run_key, key)
) WITH (fillfactor = 70);
COMMENT ON TABLE tracking.metric_summaries IS 'What each metric came to, kept current in the commit that adds points.';
CREATE INDEX metric_summaries_latest ON tracking.metric_summaries (workspace_id, key, latest, run_key);
CREATE INDEX metric_summaries_min ON tracking.metric_summaries (workspace_id, key, min, run_key);
CREATE INDEX metric_summaries_max ON tracking.metric_summaries (workspace_id, key, max, run_key);
