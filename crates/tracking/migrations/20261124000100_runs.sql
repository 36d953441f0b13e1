-- Experiments and runs. A run's params and tags stand twice: whole in its row, for pages of runs, and
-- one by one in narrow tables, for search.

CREATE TABLE tracking.workspaces (
    workspace_id    int PRIMARY KEY,
    next_experiment bigint NOT NULL
);
COMMENT ON TABLE tracking.workspaces IS 'Workspaces seen so far; the row is locked to number an experiment.';

CREATE TABLE tracking.experiments (
    workspace_id int NOT NULL REFERENCES tracking.workspaces,
    id           bigint NOT NULL,
    name         text NOT NULL,
    description  text NOT NULL DEFAULT '',
    tags         jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX experiments_name ON tracking.experiments (workspace_id, name) WHERE deleted_at IS NULL;
CREATE INDEX experiments_updated ON tracking.experiments (workspace_id, updated_at DESC, id DESC);

CREATE TABLE tracking.runs (
    run_key       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid NOT NULL UNIQUE,
    workspace_id  int NOT NULL,
    experiment_id bigint NOT NULL,
    name          text NOT NULL,
    status        smallint NOT NULL,
    user_name     text NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    description   text NOT NULL,
    params        jsonb NOT NULL,
    tags          jsonb NOT NULL,
    inputs        jsonb NOT NULL,
    source        jsonb,
    environment   jsonb,
    parent_id     uuid,
    based_on      text[] NOT NULL,
    request_id    text,
    revision      bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    FOREIGN KEY (workspace_id, experiment_id) REFERENCES tracking.experiments (workspace_id, id)
);
COMMENT ON COLUMN tracking.runs.run_key IS 'What the tables below call it; counted up, so that newest first is its order.';
COMMENT ON COLUMN tracking.runs.status IS 'A number of herdbook.tracking.v1.RunStatus.';
COMMENT ON COLUMN tracking.runs.revision IS 'Counted up with each change that lineage is told of.';
CREATE INDEX runs_newest ON tracking.runs (workspace_id, experiment_id, run_key DESC);
CREATE INDEX runs_parent ON tracking.runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE UNIQUE INDEX runs_request ON tracking.runs (workspace_id, request_id) WHERE request_id IS NOT NULL;

CREATE TABLE tracking.run_params (
    run_key      bigint NOT NULL REFERENCES tracking.runs,
    workspace_id int NOT NULL,
    key          text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    number       double precision,
    PRIMARY KEY (run_key, key)
);
COMMENT ON COLUMN tracking.run_params.number IS 'The value where it is a number.';
-- Long values cannot stand in an index; their beginning narrows enough.
CREATE INDEX run_params_value ON tracking.run_params (workspace_id, key, left(value, 200), run_key);
CREATE INDEX run_params_number ON tracking.run_params (workspace_id, key, number, run_key) WHERE number IS NOT NULL;

CREATE TABLE tracking.run_tags (
    run_key      bigint NOT NULL REFERENCES tracking.runs,
    workspace_id int NOT NULL,
    key          text COLLATE "C" NOT NULL,
    value        text COLLATE "C" NOT NULL,
    PRIMARY KEY (run_key, key)
);
CREATE INDEX run_tags_value ON tracking.run_tags (workspace_id, key, left(value, 200), run_key);

CREATE TABLE tracking.run_inputs (
    run_key      bigint NOT NULL REFERENCES tracking.runs,
    workspace_id int NOT NULL,
    name         text COLLATE "C" NOT NULL,
    digest       text COLLATE "C" NOT NULL,
    context      text COLLATE "C" NOT NULL,
    PRIMARY KEY (run_key, name, digest, context)
);
CREATE INDEX run_inputs_name ON tracking.run_inputs (workspace_id, name, run_key);
CREATE INDEX run_inputs_digest ON tracking.run_inputs (workspace_id, digest, run_key);

CREATE TABLE tracking.log_requests (
    run_key    bigint NOT NULL REFERENCES tracking.runs,
    request_id text COLLATE "C" NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_key, request_id)
);
COMMENT ON TABLE tracking.log_requests IS 'LogBatch calls that were done, so that a repeat changes nothing.';

CREATE TABLE tracking.outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id int NOT NULL,
    payload      bytea NOT NULL,
    attempts     int NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    parked       text
);
COMMENT ON TABLE tracking.outbox IS 'What lineage is to be told, as encoded herdbook.lineage.v1.RecordRequest.';
CREATE INDEX outbox_due ON tracking.outbox (due_at, id) WHERE parked IS NULL;
