-- What a workspace may have, and what of it each run takes.

CREATE TABLE tracking.workspace_quotas (
    workspace_id int PRIMARY KEY,
    runs         bigint CHECK (runs >= 0),
    points       bigint CHECK (points >= 0),
    bytes        bigint CHECK (bytes >= 0)
);
COMMENT ON TABLE tracking.workspace_quotas IS 'What a workspace may have; where nothing is said, what the server is set to holds.';

ALTER TABLE tracking.run_heads ADD COLUMN bytes bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN tracking.run_heads.bytes IS 'Of its points as they were encoded when they came.';

-- What points of former versions took is not known any more: what they take now counts.
UPDATE tracking.run_heads h SET bytes = s.bytes
FROM (SELECT run_key, sum(bytes) AS bytes FROM (
          SELECT run_key, octet_length(data)::bigint AS bytes FROM tracking.metric_chunks
          UNION ALL SELECT run_key, octet_length(tail)::bigint FROM tracking.metric_tails WHERE tail IS NOT NULL
          UNION ALL SELECT b.run_key, octet_length(b.data)::bigint FROM tracking.metric_blocks b
              LEFT JOIN tracking.metric_tails t ON t.run_key = b.run_key
              WHERE t.tail_to IS NULL OR b.id > t.tail_to) all_of_it
      GROUP BY run_key) s
WHERE s.run_key = h.run_key;

-- Values and artifacts were not counted, and bytes were not given back.
DELETE FROM tracking.workspace_usage;
INSERT INTO tracking.workspace_usage (workspace_id, shard, runs, points, bytes)
SELECT h.workspace_id, 0, count(*), sum(h.points), sum(h.bytes + coalesce(a.bytes, 0) + coalesce(v.bytes, 0))
FROM tracking.run_heads h
LEFT JOIN (SELECT run_key, sum(size) AS bytes FROM tracking.artifacts GROUP BY run_key) a ON a.run_key = h.run_key
LEFT JOIN (SELECT run_key, sum(octet_length(value) + coalesce(size, 0)) AS bytes FROM tracking.run_values GROUP BY run_key) v
    ON v.run_key = h.run_key
GROUP BY h.workspace_id;
COMMENT ON COLUMN tracking.workspace_usage.bytes IS
    'Of its points as they were encoded when they came, and of its values and artifacts, one that stands twice twice.';

ALTER TABLE tracking.artifacts ADD COLUMN counted bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN tracking.artifacts.counted IS 'Bytes by which the entry counts among those of its workspace.';
UPDATE tracking.artifacts SET counted = size;
