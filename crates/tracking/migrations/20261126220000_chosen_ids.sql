-- Experiments are searched, and are given numbers of callers' own; inputs are found by what they were read for.

CREATE INDEX experiments_by_name ON tracking.experiments (workspace_id, name COLLATE "C", id);
CREATE INDEX experiments_created ON tracking.experiments (workspace_id, created_at, id);
CREATE INDEX experiments_tags ON tracking.experiments USING gin (tags jsonb_path_ops);

COMMENT ON COLUMN tracking.workspaces.next_experiment IS
    'The number of the next experiment, unless one was created with that number; those are passed over.';

-- Columns of settled runs do not have what their inputs are for: these runs are looked at again.
UPDATE tracking.run_heads h SET settled = false, version = version + 1, changed_at = now()
FROM tracking.runs r WHERE r.run_key = h.run_key AND r.inputs <> '[]';
