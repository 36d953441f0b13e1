WITH moves AS (
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS m (run_key, writer_id, epoch, old, new)
),
-- Locked in the order in which every transaction locks, so that none waits in a circle.
locked AS (
    SELECT w.run_key, w.writer_id, m.new
    FROM moves m
    JOIN tracking.metric_writers w
        ON w.run_key = m.run_key AND w.writer_id = m.writer_id AND w.epoch = m.epoch
            AND w.sequence = m.old
    JOIN tracking.runs r ON r.run_key = m.run_key AND r.deleted_at IS NULL
    ORDER BY w.run_key, w.writer_id
    FOR UPDATE OF w
),
advanced AS (
    UPDATE tracking.metric_writers w SET sequence = l.new FROM locked l
    WHERE w.run_key = l.run_key AND w.writer_id = l.writer_id
    RETURNING 1
),
blocks AS (
    INSERT INTO tracking.metric_blocks (run_key, keys, min_step, max_step, points, data)
    SELECT run_key, string_to_array(keys, E'\n'), min_step, max_step, points, data
    FROM unnest($6::bigint[], $7::text[], $8::bigint[], $9::bigint[], $10::int[], $11::bytea[])
        WITH ORDINALITY AS b (run_key, keys, min_step, max_step, points, data, n)
    ORDER BY n
    RETURNING 1
),
summaries AS (
    INSERT INTO tracking.metric_summaries AS s
        (run_key, workspace_id, key, latest, latest_step, latest_time_us, min, max, count)
    SELECT * FROM unnest($12::bigint[], $13::int[], $14::text[], $15::float8[], $16::bigint[],
        $17::bigint[], $18::float8[], $19::float8[], $20::bigint[])
        AS n (run_key, workspace_id, key, latest, latest_step, latest_time_us, min, max, count)
    ORDER BY run_key, key COLLATE "C"
    ON CONFLICT (run_key, key) DO UPDATE SET
        latest = CASE WHEN (excluded.latest_step, excluded.latest_time_us)
                >= (s.latest_step, s.latest_time_us) THEN excluded.latest ELSE s.latest END,
        latest_time_us = CASE WHEN (excluded.latest_step, excluded.latest_time_us)
                >= (s.latest_step, s.latest_time_us) THEN excluded.latest_time_us ELSE s.latest_time_us END,
        latest_step = greatest(s.latest_step, excluded.latest_step),
        min = least(s.min, excluded.min),
        max = greatest(s.max, excluded.max),
        count = s.count + excluded.count
    RETURNING 1
)
-- A writer that could not move undoes the statement as a whole, by an error that nothing else raises.
SELECT 1 / (CASE WHEN (SELECT count(*) FROM advanced) = cardinality($1) THEN 1 ELSE 0 END),
    (SELECT count(*) FROM blocks), (SELECT count(*) FROM summaries)
