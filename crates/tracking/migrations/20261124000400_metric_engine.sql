-- A head for each run, hot blocks in a ring of tables, and chunks of columns behind them.

CREATE TABLE tracking.run_heads (
    run_key        bigint PRIMARY KEY,
    workspace_id   int NOT NULL,
    writable       boolean NOT NULL DEFAULT true,
    stop_requested boolean NOT NULL DEFAULT false,
    blocks         bigint NOT NULL DEFAULT 0,
    points         bigint NOT NULL DEFAULT 0,
    first_time_us  bigint,
    version        bigint NOT NULL DEFAULT 1,
    settled        boolean NOT NULL DEFAULT false,
    changed_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 60);
COMMENT ON TABLE tracking.run_heads IS
    'What changes in a run with each commit of points. Locked first, in the order of its key, by whatever adds to a run, changes or deletes it.';
COMMENT ON COLUMN tracking.run_heads.writable IS 'False while the run is deleted.';
COMMENT ON COLUMN tracking.run_heads.blocks IS
    'Number of its newest block: blocks of a run are numbered from 1 in the order of their commits, without gaps.';
COMMENT ON COLUMN tracking.run_heads.first_time_us IS 'Least time of any of its points.';
COMMENT ON COLUMN tracking.run_heads.version IS 'Counted up with each change that search can see.';
COMMENT ON COLUMN tracking.run_heads.settled IS 'Whether the columns for search hold the run as it is.';
-- Neither column of it changes when points are added to a run that is not settled: such an update touches no index.
CREATE INDEX run_heads_unsettled ON tracking.run_heads (workspace_id, run_key) WHERE NOT settled;

CREATE TABLE tracking.metric_generations (
    id        bigint PRIMARY KEY,
    slot      smallint NOT NULL UNIQUE CHECK (slot BETWEEN 0 AND 3),
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
COMMENT ON TABLE tracking.metric_generations IS
    'Which tables of the ring hold blocks. The one that is not closed is written to; a closed one is compacted, truncated, and its row deleted.';
CREATE UNIQUE INDEX metric_generations_open ON tracking.metric_generations ((true)) WHERE closed_at IS NULL;

ALTER TABLE tracking.metric_blocks RENAME TO metric_blocks_0;
ALTER TABLE tracking.metric_blocks_0 RENAME CONSTRAINT metric_blocks_pkey TO metric_blocks_0_pkey;
ALTER TABLE tracking.metric_blocks_0 ALTER COLUMN id DROP IDENTITY;
-- Blocks had numbers of the whole table so far.
WITH numbered AS (
    SELECT run_key, id, row_number() OVER (PARTITION BY run_key ORDER BY id) AS number FROM tracking.metric_blocks_0
)
UPDATE tracking.metric_blocks_0 b SET id = -n.number FROM numbered n WHERE b.run_key = n.run_key AND b.id = n.id;
UPDATE tracking.metric_blocks_0 SET id = -id;
-- Blocks of up to half a page stand in the row, without the detour of a second table.
ALTER TABLE tracking.metric_blocks_0 SET (toast_tuple_target = 8160, autovacuum_enabled = false);
CREATE TABLE tracking.metric_blocks_1 (LIKE tracking.metric_blocks_0 INCLUDING ALL);
CREATE TABLE tracking.metric_blocks_2 (LIKE tracking.metric_blocks_0 INCLUDING ALL);
CREATE TABLE tracking.metric_blocks_3 (LIKE tracking.metric_blocks_0 INCLUDING ALL);
ALTER TABLE tracking.metric_blocks_1 SET (toast_tuple_target = 8160, autovacuum_enabled = false);
ALTER TABLE tracking.metric_blocks_2 SET (toast_tuple_target = 8160, autovacuum_enabled = false);
ALTER TABLE tracking.metric_blocks_3 SET (toast_tuple_target = 8160, autovacuum_enabled = false);
INSERT INTO tracking.metric_generations (id, slot) VALUES (1, 0);

CREATE VIEW tracking.metric_blocks AS
    SELECT * FROM tracking.metric_blocks_0 UNION ALL SELECT * FROM tracking.metric_blocks_1
    UNION ALL SELECT * FROM tracking.metric_blocks_2 UNION ALL SELECT * FROM tracking.metric_blocks_3;
COMMENT ON VIEW tracking.metric_blocks IS 'All hot blocks; those that are compacted already among them.';

CREATE TABLE tracking.metric_tails (
    run_key   bigint PRIMARY KEY,
    chunks_to bigint NOT NULL,
    tail_to   bigint NOT NULL CHECK (tail_to >= chunks_to),
    tail      bytea
) WITH (fillfactor = 70, toast_tuple_target = 8160);
COMMENT ON TABLE tracking.metric_tails IS
    'How far a run is compacted. Points of its blocks up to chunks_to stand in chunks, those up to tail_to in the tail, later ones in hot blocks.';
COMMENT ON COLUMN tracking.metric_tails.tail IS
    'Points too few for chunks, as crates/tracking/src/metrics/codec/series.rs writes them; absent if there are none.';
ALTER TABLE tracking.metric_tails ALTER COLUMN tail SET STORAGE EXTERNAL;

CREATE TABLE tracking.metric_chunks (
    run_key     bigint NOT NULL,
    key         text COLLATE "C" NOT NULL,
    first_block bigint NOT NULL,
    last_block  bigint NOT NULL CHECK (last_block >= first_block),
    points      int NOT NULL,
    min_step    bigint NOT NULL,
    max_step    bigint NOT NULL,
    min_time_us bigint NOT NULL,
    max_time_us bigint NOT NULL,
    min         double precision,
    max         double precision,
    sum         double precision NOT NULL,
    last        double precision NOT NULL,
    coarse      bytea,
    fine        bytea,
    data        bytea NOT NULL,
    PRIMARY KEY (run_key, key, first_block)
) WITH (toast_tuple_target = 4080);
COMMENT ON TABLE tracking.metric_chunks IS
    'Points of one metric in the order of their commits, as crates/tracking/src/metrics/codec/series.rs writes them.';
COMMENT ON COLUMN tracking.metric_chunks.first_block IS 'The first of the run''s blocks that has points here.';
COMMENT ON COLUMN tracking.metric_chunks.coarse IS 'A few buckets by step and by time; absent if there are few points.';
COMMENT ON COLUMN tracking.metric_chunks.fine IS 'More buckets by step and by time; absent if there are few points.';
-- Compressed already. The few buckets stay in the row, where a chart finds them.
ALTER TABLE tracking.metric_chunks ALTER COLUMN data SET STORAGE EXTERNAL,
    ALTER COLUMN fine SET STORAGE EXTERNAL, ALTER COLUMN coarse SET STORAGE MAIN;

CREATE TABLE tracking.workspace_usage (
    workspace_id int NOT NULL,
    shard        smallint NOT NULL,
    runs         bigint NOT NULL DEFAULT 0,
    points       bigint NOT NULL DEFAULT 0,
    bytes        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, shard)
) WITH (fillfactor = 40);
COMMENT ON TABLE tracking.workspace_usage IS
    'What a workspace has; the sum over its shards counts. Each process writes to a shard of its own, so that none waits for another.';
COMMENT ON COLUMN tracking.workspace_usage.bytes IS 'Of its points as they were encoded when they came, and of its values and artifacts.';

INSERT INTO tracking.run_heads (run_key, workspace_id, writable, blocks, points)
SELECT r.run_key, r.workspace_id, r.deleted_at IS NULL, coalesce(b.id, 0), coalesce(b.points, 0)
FROM tracking.runs r
LEFT JOIN (SELECT run_key, max(id) AS id, sum(points) AS points FROM tracking.metric_blocks_0 GROUP BY run_key) b
    USING (run_key);
UPDATE tracking.run_heads h SET first_time_us = s.first
FROM (SELECT run_key, min(latest_time_us) AS first FROM tracking.metric_summaries GROUP BY run_key) s
WHERE s.run_key = h.run_key;
INSERT INTO tracking.workspace_usage (workspace_id, shard, runs, points)
SELECT workspace_id, 0, count(*), sum(points) FROM tracking.run_heads GROUP BY workspace_id;
