-- Runs that are created together. One that refers to what is not there, or whose request was done before, is left out.
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::smallint[], $6::text[],
        $7::timestamptz[], $8::timestamptz[], $9::text[], $10::jsonb[], $11::jsonb[], $12::jsonb[], $13::jsonb[], $14::jsonb[],
        $15::uuid[], $16::jsonb[], $17::text[], $18::uuid[], $19::bigint[], $20::bytea[]) WITH ORDINALITY
        AS a (id, workspace_id, experiment_id, name, status, user_name, started_at, ended_at, description, params, tags,
            inputs, source, environment, parent_id, based_on, request_id, fork_id, fork_step, told, n)
),
-- By id alone, behind a fence: planned once, for the few runs there were then, it would go through all of the
-- workspace.
found AS MATERIALIZED (
    SELECT a.*,
        (SELECT p.id FROM (SELECT id, workspace_id FROM tracking.runs WHERE id = a.parent_id OFFSET 0) p
            WHERE p.workspace_id = a.workspace_id) AS parent,
        (SELECT f.run_key FROM (SELECT run_key, workspace_id FROM tracking.runs WHERE id = a.fork_id OFFSET 0) f
            WHERE f.workspace_id = a.workspace_id) AS forked_from
    FROM asked a
),
made AS (
    INSERT INTO tracking.runs (id, workspace_id, experiment_id, name, status, user_name, started_at,
        ended_at, description, params, tags, inputs, source, environment, parent_id, based_on, request_id,
        forked_from, fork_step)
    SELECT a.id, a.workspace_id, a.experiment_id, a.name, a.status, a.user_name, a.started_at, a.ended_at, a.description,
        a.params, a.tags, a.inputs, a.source, a.environment, a.parent_id,
        ARRAY(SELECT jsonb_array_elements_text(a.based_on)), a.request_id,
        a.forked_from, a.fork_step
    FROM found a
    WHERE EXISTS (SELECT FROM tracking.experiments e WHERE e.workspace_id = a.workspace_id
            AND e.id = a.experiment_id AND e.deleted_at IS NULL)
        AND (a.parent_id IS NULL OR a.parent IS NOT NULL)
        AND (a.fork_id IS NULL OR a.forked_from IS NOT NULL)
    ORDER BY a.n
    ON CONFLICT (workspace_id, request_id) WHERE request_id IS NOT NULL DO NOTHING
    RETURNING id, run_key, workspace_id, created_at
),
heads AS (
    INSERT INTO tracking.run_heads (run_key, workspace_id)
    SELECT run_key, workspace_id FROM made
    RETURNING 1
),
told AS (
    INSERT INTO tracking.outbox (workspace_id, payload)
    SELECT a.workspace_id, a.told FROM asked a JOIN made m ON m.id = a.id ORDER BY m.run_key
    RETURNING 1
),
usage AS (
    INSERT INTO tracking.workspace_usage AS u (workspace_id, shard, runs)
    SELECT workspace_id, $21, count(*) FROM made GROUP BY workspace_id
    ON CONFLICT (workspace_id, shard) DO UPDATE SET runs = u.runs + excluded.runs
    RETURNING 1
)
SELECT id, run_key, created_at FROM made
