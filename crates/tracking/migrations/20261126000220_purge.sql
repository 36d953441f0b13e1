-- Purging whole experiments, and what was deleted long ago.

ALTER TABLE tracking.experiments ADD COLUMN purging boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN tracking.experiments.purging IS
    'Its runs are being removed for good, one after the other, and then itself: it cannot be restored any more.';
CREATE INDEX experiments_purging ON tracking.experiments (workspace_id, id) WHERE purging;
CREATE INDEX experiments_deleted ON tracking.experiments (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX runs_deleted ON tracking.runs (deleted_at, run_key) WHERE deleted_at IS NOT NULL;
