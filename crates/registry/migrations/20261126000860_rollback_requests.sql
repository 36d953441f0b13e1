-- Rollbacks that wait for approvals.

ALTER TABLE registry.requests ADD COLUMN rollback boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN registry.requests.rollback IS
    'Whether the version is to go back to the stage by the rules of a rollback, not by those of a move.';

DROP INDEX registry.requests_open;
CREATE UNIQUE INDEX requests_open ON registry.requests (model_key, number, to_stage, rollback) WHERE state = 1;
