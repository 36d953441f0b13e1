-- The blocks' table is the one of the ring that is written to. What stands between `-- {part` and `-- }` is left out where a
-- group has nothing for it: Postgres makes ready every part of a statement each time, whether it has rows or not.
WITH touched AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS t (run_key, blocks, points, bytes, first_time_us)
),
-- Locked in the order in which every transaction locks, so that none waits in a circle.
heads AS (
    SELECT h.run_key, h.blocks, h.stop_requested
    FROM touched t
    JOIN tracking.run_heads h ON h.run_key = t.run_key AND h.writable
    ORDER BY h.run_key
    FOR NO KEY UPDATE OF h
),
-- {writers
moves AS (
    SELECT * FROM unnest($6::bigint[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[])
        AS m (run_key, writer_id, epoch, old, new)
),
writers AS (
    SELECT w.run_key, w.writer_id, m.new
    FROM moves m
    JOIN heads l ON l.run_key = m.run_key
    JOIN tracking.metric_writers w ON w.run_key = m.run_key AND w.writer_id = m.writer_id
        AND w.epoch = m.epoch AND w.sequence = m.old
    ORDER BY w.run_key, w.writer_id
    FOR NO KEY UPDATE OF w
),
advanced AS (
    UPDATE tracking.metric_writers w SET sequence = l.new FROM writers l
    WHERE w.run_key = l.run_key AND w.writer_id = l.writer_id
    RETURNING 1
),
-- }
-- {requests
-- A call that was done already violates the primary key, which undoes all.
requests AS (
    INSERT INTO tracking.log_requests (run_key, request_id)
    SELECT * FROM unnest($11::bigint[], $12::text[])
    RETURNING 1
),
-- }
-- {points
blocks AS (
    INSERT INTO tracking.metric_blocks_{slot} (run_key, id, keys, min_step, max_step, points, data)
    SELECT b.run_key, l.blocks + b.number, string_to_array(b.keys, E'\n'), b.min_step, b.max_step, b.points, b.data
    FROM unnest($13::bigint[], $14::bigint[], $15::text[], $16::bigint[], $17::bigint[], $18::int[], $19::bytea[])
        AS b (run_key, number, keys, min_step, max_step, points, data)
    JOIN heads l ON l.run_key = b.run_key
    RETURNING 1
),
summaries AS (
    INSERT INTO tracking.metric_summaries AS s
        (run_key, workspace_id, key, latest, latest_step, latest_time_us, min, max, count)
    SELECT * FROM unnest($20::bigint[], $21::int[], $22::text[], $23::float8[], $24::bigint[],
        $25::bigint[], $26::float8[], $27::float8[], $28::bigint[])
        AS n (run_key, workspace_id, key, latest, latest_step, latest_time_us, min, max, count)
    -- Waits until the heads are locked.
    WHERE (SELECT count(*) FROM heads) > 0
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
),
usage AS (
    INSERT INTO tracking.workspace_usage AS u (workspace_id, shard, points, bytes)
    SELECT n.workspace_id, $29, n.points, n.bytes
    FROM unnest($30::int[], $31::bigint[], $32::bigint[]) AS n (workspace_id, points, bytes)
    WHERE (SELECT count(*) FROM heads) > 0
    ON CONFLICT (workspace_id, shard) DO UPDATE SET
        points = u.points + excluded.points, bytes = u.bytes + excluded.bytes
    RETURNING 1
),
-- }
-- {changes
changes AS (
    SELECT * FROM unnest($34::bigint[], $35::bigint[], $36::text[], $37::smallint[], $38::timestamptz[],
        $39::timestamptz[], $40::text[], $41::jsonb[], $42::jsonb[], $43::jsonb[], $44::jsonb[], $45::jsonb[], $46::jsonb[])
        AS c (run_key, revision, name, status, started_at, ended_at, description, params, tags, inputs, source,
            environment, based_on)
),
-- What was decided on a run that is another by now is not written, which undoes all.
changed AS (
    UPDATE tracking.runs r SET
        name = c.name, status = c.status, started_at = c.started_at, ended_at = c.ended_at, description = c.description,
        params = c.params, tags = c.tags, inputs = c.inputs, source = c.source, environment = c.environment,
        based_on = ARRAY(SELECT jsonb_array_elements_text(c.based_on)), revision = c.revision,
        updated_at = clock_timestamp()
    FROM changes c
    JOIN heads l ON l.run_key = c.run_key
    WHERE r.run_key = c.run_key AND r.revision = c.revision - 1
    RETURNING r.run_key, r.updated_at
),
told AS (
    INSERT INTO tracking.outbox (workspace_id, payload) SELECT * FROM unnest($47::int[], $48::bytea[])
    RETURNING 1
),
-- }
grown AS (
    UPDATE tracking.run_heads h SET
        blocks = h.blocks + t.blocks,
        points = h.points + t.points,
        bytes = h.bytes + t.bytes,
        first_time_us = least(h.first_time_us, t.first_time_us),
        version = h.version + 1,
        settled = false,
        changed_at = now()
    FROM touched t JOIN heads l ON l.run_key = t.run_key
    WHERE h.run_key = t.run_key
    RETURNING 1
)
-- What could not move, or a generation that was closed meanwhile, undoes the statement as a whole, by an
-- error that nothing else raises.
SELECT 1 / (CASE WHEN (SELECT count(*) FROM grown) = cardinality($1)
-- {writers
            AND (SELECT count(*) FROM advanced) = cardinality($6)
-- }
-- {points
            AND EXISTS (SELECT FROM tracking.metric_generations WHERE id = $33 AND closed_at IS NULL)
-- }
-- {changes
            AND (SELECT count(*) FROM changed) = cardinality($34)
-- }
        THEN 1 ELSE 0 END) AS moved,
-- {changes
    ARRAY(SELECT run_key FROM changed) AS changed, ARRAY(SELECT updated_at FROM changed) AS changed_at,
-- }
    ARRAY(SELECT run_key FROM heads WHERE stop_requested) AS stop
