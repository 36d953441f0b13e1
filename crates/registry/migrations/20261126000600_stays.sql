-- When a version came to a stage that it left, and what rollbacks have undone.

ALTER TABLE registry.stage_history
    ADD COLUMN entered_at timestamptz,
    ADD COLUMN undone boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN registry.stage_history.entered_at IS
    'When the version came to the stage; NULL where a version of Herdbook wrote it that does not say.';
COMMENT ON COLUMN registry.stage_history.undone IS
    'Whether a rollback ended this stay or went back to it or to one before: the next rollback passes it over.';

-- A version came to a stage when it left the one before.
UPDATE registry.stage_history AS h SET entered_at = came.at
FROM (
    SELECT l.model_key, l.number, l.revision,
        coalesce(lag(l.left_at) OVER (PARTITION BY l.model_key, l.number ORDER BY l.revision), v.created_at) AS at
    FROM registry.stage_history AS l JOIN registry.versions AS v USING (model_key, number)
) AS came
WHERE came.model_key = h.model_key AND came.number = h.number AND came.revision = h.revision;

CREATE INDEX stage_history_time ON registry.stage_history (model_key, stage, left_at);
