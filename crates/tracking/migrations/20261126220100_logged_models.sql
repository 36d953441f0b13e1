-- Models as runs made them.

CREATE TABLE tracking.logged_models (
    model_key      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             text COLLATE "C" NOT NULL UNIQUE,
    workspace_id   int NOT NULL,
    experiment_id  bigint NOT NULL,
    name           text COLLATE "C" NOT NULL,
    type           text COLLATE "C" NOT NULL,
    source_run_id  text COLLATE "C",
    status         smallint NOT NULL,
    status_message text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz,
    FOREIGN KEY (workspace_id, experiment_id) REFERENCES tracking.experiments (workspace_id, id)
);
COMMENT ON TABLE tracking.logged_models IS 'Models as runs made them, before anybody registers them.';
COMMENT ON COLUMN tracking.logged_models.model_key IS 'What the tables below call it.';
COMMENT ON COLUMN tracking.logged_models.source_run_id IS '32 digits; the run may be gone, or never have been here.';
COMMENT ON COLUMN tracking.logged_models.status IS 'A number of herdbook.tracking.v1.LoggedModelStatus.';
CREATE INDEX logged_models_newest ON tracking.logged_models (workspace_id, experiment_id, created_at DESC, model_key DESC);
CREATE INDEX logged_models_name ON tracking.logged_models (workspace_id, name, created_at DESC);
CREATE INDEX logged_models_source ON tracking.logged_models (workspace_id, source_run_id) WHERE source_run_id IS NOT NULL;
CREATE INDEX logged_models_deleted ON tracking.logged_models (deleted_at, model_key) WHERE deleted_at IS NOT NULL;

CREATE TABLE tracking.logged_model_params (
    model_key    bigint NOT NULL REFERENCES tracking.logged_models,
    workspace_id int NOT NULL,
    key          text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    number       double precision,
    PRIMARY KEY (model_key, key)
);
COMMENT ON COLUMN tracking.logged_model_params.number IS 'The value where it is a number.';
-- Long values cannot stand in an index; their beginning narrows enough.
CREATE INDEX logged_model_params_value ON tracking.logged_model_params (workspace_id, key, left(value, 200), model_key);
CREATE INDEX logged_model_params_number ON tracking.logged_model_params (workspace_id, key, number, model_key)
    WHERE number IS NOT NULL;

CREATE TABLE tracking.logged_model_tags (
    model_key    bigint NOT NULL REFERENCES tracking.logged_models,
    workspace_id int NOT NULL,
    key          text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    PRIMARY KEY (model_key, key)
);
CREATE INDEX logged_model_tags_value ON tracking.logged_model_tags (workspace_id, key, left(value, 200), model_key);

CREATE TABLE tracking.logged_model_metrics (
    model_key      bigint NOT NULL REFERENCES tracking.logged_models,
    workspace_id   int NOT NULL,
    key            text COLLATE "C" NOT NULL,
    time_us        bigint NOT NULL,
    step           bigint NOT NULL,
    run_id         text COLLATE "C" NOT NULL,
    dataset_name   text COLLATE "C" NOT NULL,
    dataset_digest text COLLATE "C" NOT NULL,
    value          double precision NOT NULL,
    PRIMARY KEY (model_key, key, time_us, step, run_id, dataset_name, dataset_digest)
);
COMMENT ON TABLE tracking.logged_model_metrics IS 'How models did on data, as runs measured it.';
COMMENT ON COLUMN tracking.logged_model_metrics.dataset_name IS 'Empty where no data was named.';
CREATE INDEX logged_model_metrics_value ON tracking.logged_model_metrics (workspace_id, key, value, model_key);
CREATE INDEX logged_model_metrics_dataset ON tracking.logged_model_metrics (workspace_id, dataset_name, dataset_digest, model_key);

CREATE TABLE tracking.run_models (
    run_key   bigint NOT NULL REFERENCES tracking.runs,
    model_key bigint NOT NULL REFERENCES tracking.logged_models,
    made      boolean NOT NULL,
    step      bigint NOT NULL,
    number    bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (run_key, made, model_key)
);
COMMENT ON TABLE tracking.run_models IS 'Which models runs used, and which they made.';
COMMENT ON COLUMN tracking.run_models.step IS 'Of the run when it made the model; 0 of one that it used.';
COMMENT ON COLUMN tracking.run_models.number IS 'The order in which it was noted.';
CREATE INDEX run_models_model ON tracking.run_models (model_key, made);

CREATE TABLE tracking.logged_model_artifacts (
    model_key  bigint NOT NULL REFERENCES tracking.logged_models,
    path       text COLLATE "C" NOT NULL,
    size       bigint NOT NULL,
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    held       bytea,
    counted    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (model_key, path)
);
COMMENT ON TABLE tracking.logged_model_artifacts IS
    'Files of logged models; the columns are those of tracking.artifacts, and so is what is done with them.';
COMMENT ON COLUMN tracking.logged_model_artifacts.held IS 'The digest to which the entry holds a reference.';
COMMENT ON COLUMN tracking.logged_model_artifacts.counted IS 'Bytes by which the entry counts among those of its workspace.';
