INSERT INTO tracking.metric_summaries AS s
    (run_key, workspace_id, key, latest, latest_step, latest_time_us, min, max, count)
SELECT $1, $2, n.* FROM unnest($3::text[], $4::float8[], $5::bigint[], $6::bigint[], $7::float8[],
    $8::float8[], $9::bigint[]) AS n (key, latest, latest_step, latest_time_us, min, max, count)
ORDER BY key COLLATE "C"
ON CONFLICT (run_key, key) DO UPDATE SET
    latest = CASE WHEN (excluded.latest_step, excluded.latest_time_us)
            >= (s.latest_step, s.latest_time_us) THEN excluded.latest ELSE s.latest END,
    latest_time_us = CASE WHEN (excluded.latest_step, excluded.latest_time_us)
            >= (s.latest_step, s.latest_time_us) THEN excluded.latest_time_us ELSE s.latest_time_us END,
    latest_step = greatest(s.latest_step, excluded.latest_step),
    min = least(s.min, excluded.min),
    max = greatest(s.max, excluded.max),
    count = s.count + excluded.count
