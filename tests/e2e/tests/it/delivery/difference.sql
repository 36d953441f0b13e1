-- What lineage lacks, by the tables of tracking and the registry, and what it has besides: edges as texts, and the
-- facts of nodes that change.
WITH run AS (
    SELECT r.*, replace(r.id::text, '-', '') AS ref FROM tracking.runs AS r
),
version AS (
    SELECT m.name AS model, v.*, format('model_version:%s@%s', m.name, v.number) AS ref
    FROM registry.versions AS v JOIN registry.models AS m USING (model_key)
),
stay AS (
    SELECT v.model, v.ref, v.number, h.stage, h.entered_at FROM registry.stage_history AS h JOIN version AS v USING (model_key, number)
    WHERE h.stage <> 'None'
    UNION ALL
    SELECT v.model, v.ref, v.number, v.stage, v.stage_since FROM version AS v WHERE v.stage <> 'None'
),
expected (edge) AS (
    SELECT format('dataset:%s@%s -> run:%s %s used', i ->> 'name', i ->> 'digest', r.ref, i ->> 'context')
    FROM run AS r, jsonb_array_elements(r.inputs) AS i
    UNION SELECT format('code:%s@%s -> run:%s %s used', source ->> 'repository', source ->> 'commit', ref, source ->> 'entry_point')
    FROM run WHERE source IS NOT NULL
    UNION SELECT format('environment:python@%s -> run:%s environment used', environment ->> 'digest', ref)
    FROM run WHERE environment IS NOT NULL
    UNION SELECT format('run:%s -> run:%s parent part of', replace(parent_id::text, '-', ''), ref)
    FROM run WHERE parent_id IS NOT NULL
    UNION SELECT format('model_version:%s -> run:%s based-on used', regexp_replace(base, '/(\d+)$', '@\1'), ref)
    FROM run, unnest(based_on) AS base
    UNION SELECT format('run:%s -> artifact:%s/%s@sha256:%s %s generated', r.ref, r.ref, a.path, encode(a.digest, 'hex'), a.path)
    FROM tracking.artifacts AS a JOIN run AS r USING (run_key)
    UNION SELECT format('run:%s -> %s %s generated', replace(run_id::text, '-', ''), ref, source) FROM version
    UNION SELECT format('model_version:%s -> %s based-on derived', regexp_replace(base, '/(\d+)$', '@\1'), ref)
    FROM version, unnest(based_on) AS base
    UNION SELECT format('%s -> deployment:%s@%s@%s/%s %s used', ref, model, stage, number,
        to_char(entered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), stage)
    FROM stay
    UNION SELECT format('run:%s is %s, %s', ref, CASE status WHEN 3 THEN 'FINISHED' ELSE status::text END, params) FROM run
    UNION SELECT format('%s is in %s', ref, stage) FROM version
),
reference AS (
    SELECT id, kind, attributes, kind || ':' || name || CASE version WHEN '' THEN '' ELSE '@' || version END AS ref
    FROM lineage.nodes
),
found (edge) AS (
    SELECT format('%s -> %s %s %s', s.ref, t.ref, e.label, ('{used,generated,derived,part of}'::text[])[e.type])
    FROM lineage.edges AS e JOIN reference AS s ON s.id = e.source JOIN reference AS t ON t.id = e.target
    UNION SELECT format('%s is %s, %s', ref, attributes ->> 'status', (attributes ->> 'params')::jsonb) FROM reference WHERE kind = 'run'
    UNION SELECT format('%s is in %s', ref, attributes ->> 'stage') FROM reference WHERE kind = 'model_version'
)
(SELECT 'lacks' AS what, edge FROM expected EXCEPT SELECT 'lacks', edge FROM found)
UNION ALL
(SELECT 'has besides', edge FROM found EXCEPT SELECT 'has besides', edge FROM expected)
LIMIT 10
