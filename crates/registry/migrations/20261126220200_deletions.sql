-- Versions and models can be deleted and models renamed; a version may have its files elsewhere.

ALTER TABLE registry.models
    ADD COLUMN last_number bigint NOT NULL DEFAULT 0,
    ADD COLUMN deleted_at timestamptz;
COMMENT ON COLUMN registry.models.latest_version IS 'Number of the newest version that is not deleted; 0 if there is none.';
COMMENT ON COLUMN registry.models.last_number IS
    'The largest number that was ever given to a version; less than latest_version where a version of Herdbook counted that knows no deletions.';
COMMENT ON COLUMN registry.models.deleted_at IS
    'When it was deleted; NULL if it was not. The row stays for what its past refers to.';
UPDATE registry.models SET last_number = latest_version;

-- The name of a deleted model is free.
ALTER TABLE registry.models DROP CONSTRAINT models_name;
CREATE UNIQUE INDEX models_name ON registry.models (workspace_id, name) WHERE deleted_at IS NULL;

CREATE TABLE registry.former_names (
    workspace_id int NOT NULL,
    name         text COLLATE "C" NOT NULL,
    model_key    bigint NOT NULL REFERENCES registry.models,
    last_number  bigint NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
COMMENT ON TABLE registry.former_names IS
    'Names under which versions were known that are deleted or renamed, so that none of their numbers ever means another version.';
COMMENT ON COLUMN registry.former_names.model_key IS 'The model that had the name last: it alone may have it back with its versions.';
COMMENT ON COLUMN registry.former_names.last_number IS 'The largest number that was ever given to a version under the name.';

ALTER TABLE registry.versions
    ALTER COLUMN run_id DROP NOT NULL,
    ADD COLUMN logged_model text NOT NULL DEFAULT '',
    ADD COLUMN external boolean NOT NULL DEFAULT false,
    ADD COLUMN deleted_at timestamptz;
COMMENT ON COLUMN registry.versions.run_id IS 'The run it came from; NULL if it is not known.';
COMMENT ON COLUMN registry.versions.logged_model IS 'The logged model it came from; empty if from none.';
COMMENT ON COLUMN registry.versions.external IS 'Whether its files are at its source, and none of them here.';
COMMENT ON COLUMN registry.versions.deleted_at IS
    'When it was deleted; NULL if it was not. It stands in no stage then, and its blobs are not referred to; files, digest and label stay, for signatures and its past.';

-- The label of a deleted version is free.
DROP INDEX registry.versions_label;
CREATE UNIQUE INDEX versions_label ON registry.versions (model_key, label) WHERE label <> '' AND deleted_at IS NULL;
CREATE INDEX versions_newest ON registry.versions (model_key, number DESC) WHERE deleted_at IS NULL;

ALTER TABLE registry.models ADD COLUMN numbers_after bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN registry.models.numbers_after IS
    'Numbers up to this one were given to versions of models that had the name before.';
