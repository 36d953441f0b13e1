-- The audit log's signed checkpoints.

CREATE TABLE registry.audit_keys (
    id         int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seed       bytea NOT NULL CHECK (length(seed) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE registry.audit_keys IS
    'Ed25519 keys (RFC 8032) that sign checkpoints; the newest is used. Whoever reads them can sign: what binds an attacker on the database are checkpoints that were kept elsewhere.';

CREATE TABLE registry.checkpoints (
    workspace_id int NOT NULL,
    revision     bigint NOT NULL,
    hash         bytea NOT NULL CHECK (length(hash) = 32),
    at           timestamptz NOT NULL,
    public_key   bytea NOT NULL CHECK (length(public_key) = 32),
    signature    bytea NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (workspace_id, revision)
);
COMMENT ON COLUMN registry.checkpoints.hash IS 'Hash of the audit record of the revision.';
CREATE TRIGGER checkpoints_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON registry.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION registry.refuse_change();
