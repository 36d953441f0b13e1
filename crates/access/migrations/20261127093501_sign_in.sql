CREATE TABLE access.identities (
    issuer       text NOT NULL,
    subject      text NOT NULL,
    principal_id uuid NOT NULL UNIQUE REFERENCES access.principals,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
COMMENT ON TABLE access.identities IS
    'Whom an identity provider means by a subject; names may change there, subjects do not.';

CREATE TABLE access.sessions (
    id           uuid PRIMARY KEY,
    secret_hash  bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    principal_id uuid NOT NULL REFERENCES access.principals,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
COMMENT ON TABLE access.sessions IS 'Browsers signed in by the identity provider; removed when they sign out.';
CREATE INDEX sessions_expires ON access.sessions (expires_at);

ALTER TABLE access.role_bindings ADD COLUMN by_groups boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN access.role_bindings.by_groups IS
    'Whether the groups of the identity provider gave the role, and take it away again; else an admin did.';
