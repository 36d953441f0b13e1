-- Policies that models share.

CREATE TABLE registry.policies (
    workspace_id int NOT NULL,
    name         text COLLATE "C" NOT NULL,
    revision     bigint NOT NULL,
    policy       jsonb NOT NULL,
    saved_by     text NOT NULL,
    saved_at     timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
COMMENT ON TABLE registry.policies IS
    'Policies that models share, as they are now. A row is locked before those of the models that use it.';

CREATE TABLE registry.policy_revisions (
    workspace_id int NOT NULL,
    name         text COLLATE "C" NOT NULL,
    revision     bigint NOT NULL,
    policy       jsonb NOT NULL,
    saved_by     text NOT NULL,
    saved_at     timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, name, revision),
    FOREIGN KEY (workspace_id, name) REFERENCES registry.policies
);
COMMENT ON TABLE registry.policy_revisions IS 'All that the policies ever were: decisions name the revision by which they were made.';

ALTER TABLE registry.models ADD COLUMN policy_name text COLLATE "C";
COMMENT ON COLUMN registry.models.policy_name IS
    'The shared policy that the model uses, of which policy and policy_revision are copies; NULL if the policy is its own.';
CREATE INDEX models_policy ON registry.models (workspace_id, policy_name) WHERE policy_name IS NOT NULL;
