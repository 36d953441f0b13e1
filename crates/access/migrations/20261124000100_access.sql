CREATE TABLE access.workspaces (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    description text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE access.workspaces IS 'A division of everything; other schemas hold its id.';

CREATE TABLE access.principals (
    id         uuid PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    kind       smallint NOT NULL CHECK (kind IN (1, 2)),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN access.principals.kind IS 'A number of herdbook.access.v1.PrincipalKind.';

CREATE TABLE access.role_bindings (
    workspace_id int NOT NULL REFERENCES access.workspaces,
    principal_id uuid NOT NULL REFERENCES access.principals,
    role         smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
    PRIMARY KEY (workspace_id, principal_id)
);
COMMENT ON COLUMN access.role_bindings.role IS 'A number of herdbook.common.v1.Role.';
CREATE INDEX role_bindings_principal ON access.role_bindings (principal_id);

CREATE TABLE access.tokens (
    id           uuid PRIMARY KEY,
    secret_hash  bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    name         text NOT NULL,
    workspace_id int NOT NULL REFERENCES access.workspaces,
    principal_id uuid NOT NULL REFERENCES access.principals,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz
);
COMMENT ON COLUMN access.tokens.secret_hash IS
    'SHA-256 of the secret: it has 256 random bits, so that a slow hash would protect nothing.';
CREATE INDEX tokens_workspace ON access.tokens (workspace_id, id DESC);

CREATE TABLE access.signing_keys (
    id         uuid PRIMARY KEY,
    secret     bytea NOT NULL CHECK (length(secret) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE access.signing_keys IS 'Keys (HMAC-SHA-256) with which services sign for each other.';

-- The first workspace, and the user that everybody on loopback is without configuration.
INSERT INTO access.workspaces (name, description) VALUES ('default', 'The first workspace');
INSERT INTO access.principals (id, name, kind) VALUES ('00000000-0000-7000-8000-000000000001', 'local', 1);
INSERT INTO access.role_bindings (workspace_id, principal_id, role)
    SELECT id, '00000000-0000-7000-8000-000000000001', 4 FROM access.workspaces;
