CREATE TABLE registry.workspaces (
    workspace_id int PRIMARY KEY,
    revision     bigint NOT NULL DEFAULT 0,
    hash         bytea NOT NULL DEFAULT ''
);
COMMENT ON TABLE registry.workspaces IS
    'The last revision of each workspace and the hash of its audit record. The last row a transaction locks, since every change of the workspace waits for it.';

CREATE TABLE registry.models (
    model_key       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id    int NOT NULL,
    name            text COLLATE "C" NOT NULL,
    description     text NOT NULL,
    tags            jsonb NOT NULL,
    policy          jsonb NOT NULL,
    policy_revision bigint NOT NULL DEFAULT 0,
    latest_version  bigint NOT NULL DEFAULT 0,
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    revision        bigint NOT NULL DEFAULT 0,
    changed_by      text NOT NULL,
    CONSTRAINT models_name UNIQUE (workspace_id, name)
);
COMMENT ON TABLE registry.models IS 'Models. Whatever changes a model or one of its versions locks its row first.';

CREATE TABLE registry.versions (
    model_key     bigint NOT NULL REFERENCES registry.models,
    number        bigint NOT NULL,
    label         text COLLATE "C" NOT NULL,
    stage         text COLLATE "C" NOT NULL,
    description   text NOT NULL,
    tags          jsonb NOT NULL,
    source        text NOT NULL,
    run_id        uuid NOT NULL,
    based_on      text[] NOT NULL,
    files         jsonb NOT NULL,
    digest        bytea NOT NULL CHECK (length(digest) = 32),
    params        jsonb NOT NULL,
    metric_keys   text[] NOT NULL,
    metric_values double precision[] NOT NULL,
    request_id    text,
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    stage_since   timestamptz NOT NULL DEFAULT now(),
    revision      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (model_key, number)
);
COMMENT ON COLUMN registry.versions.metric_values IS 'As floats, for JSON knows no NaN.';
CREATE UNIQUE INDEX versions_label ON registry.versions (model_key, label) WHERE label <> '';
CREATE UNIQUE INDEX versions_request ON registry.versions (model_key, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX versions_stage ON registry.versions (model_key, stage, number DESC);

CREATE TABLE registry.aliases (
    model_key bigint NOT NULL,
    alias     text COLLATE "C" NOT NULL,
    number    bigint NOT NULL,
    PRIMARY KEY (model_key, alias),
    FOREIGN KEY (model_key, number) REFERENCES registry.versions (model_key, number)
);

CREATE TABLE registry.stage_history (
    model_key bigint NOT NULL,
    stage     text COLLATE "C" NOT NULL,
    number    bigint NOT NULL,
    left_at   timestamptz NOT NULL DEFAULT now(),
    revision  bigint NOT NULL,
    PRIMARY KEY (model_key, stage, revision, number)
);
COMMENT ON TABLE registry.stage_history IS 'Versions that left a stage, with the revision at which they did: what a rollback goes back to.';

CREATE TABLE registry.decisions (
    model_key  bigint NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    revision   bigint NOT NULL,
    PRIMARY KEY (model_key, request_id)
);
COMMENT ON TABLE registry.decisions IS 'Moves asked for with a request id, so that a repeat gets the first answer.';

CREATE TABLE registry.audit (
    workspace_id int NOT NULL,
    revision     bigint NOT NULL,
    model        text COLLATE "C" NOT NULL,
    record       bytea NOT NULL,
    hash         bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (workspace_id, revision)
);
COMMENT ON COLUMN registry.audit.record IS 'A herdbook.registry.v1.AuditRecord without its hash, encoded.';
COMMENT ON COLUMN registry.audit.hash IS 'SHA-256 over the hash of the record before and this record.';
CREATE INDEX audit_model ON registry.audit (workspace_id, model, revision);

CREATE FUNCTION registry.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit records are never changed or removed';
END $$;
CREATE TRIGGER audit_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON registry.audit
    FOR EACH STATEMENT EXECUTE FUNCTION registry.refuse_change();

CREATE TABLE registry.outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id int NOT NULL,
    payload      bytea NOT NULL,
    attempts     int NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    parked       text
);
COMMENT ON TABLE registry.outbox IS 'What lineage is to be told, as encoded herdbook.lineage.v1.RecordRequest.';
CREATE INDEX outbox_due ON registry.outbox (due_at, id) WHERE parked IS NULL;
