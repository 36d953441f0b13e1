-- Reports of pipelines about versions, and moves that wait for approvals.

CREATE TABLE registry.checks (
    model_key   bigint NOT NULL REFERENCES registry.models,
    digest      bytea NOT NULL CHECK (length(digest) = 32),
    name        text COLLATE "C" NOT NULL,
    passed      boolean NOT NULL,
    details     text NOT NULL,
    url         text NOT NULL,
    reported_by text NOT NULL,
    reported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (model_key, digest, name)
);
COMMENT ON TABLE registry.checks IS
    'The last report of each check about exactly the files of this digest; those before it are in the audit log.';

CREATE TABLE registry.requests (
    workspace_id int NOT NULL,
    id           bigint NOT NULL,
    model_key    bigint NOT NULL,
    number       bigint NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    from_stage   text COLLATE "C" NOT NULL,
    to_stage     text COLLATE "C" NOT NULL,
    comment      text NOT NULL,
    requester    uuid NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    state        smallint NOT NULL DEFAULT 1,
    closed_at    timestamptz,
    closed_by    text,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (model_key, number) REFERENCES registry.versions (model_key, number)
);
COMMENT ON COLUMN registry.requests.id IS 'The revision of the workspace at which it was opened.';
COMMENT ON COLUMN registry.requests.state IS 'A number of herdbook.registry.v1.RequestState; one that expired stands as open until somebody asks again.';
CREATE UNIQUE INDEX requests_open ON registry.requests (model_key, number, to_stage) WHERE state = 1;
CREATE INDEX requests_model ON registry.requests (model_key, id DESC);

CREATE TABLE registry.approvals (
    workspace_id int NOT NULL,
    request      bigint NOT NULL,
    principal    uuid NOT NULL,
    name         text NOT NULL,
    comment      text NOT NULL,
    approved_at  timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, request, principal),
    FOREIGN KEY (workspace_id, request) REFERENCES registry.requests
);
COMMENT ON TABLE registry.approvals IS 'Who approved a request: once each. Whether an approval counts is judged anew whenever the request is.';
