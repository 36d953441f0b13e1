-- Signatures of versions.

CREATE TABLE registry.signatures (
    model_key  bigint NOT NULL,
    number     bigint NOT NULL,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    signature  bytea NOT NULL CHECK (length(signature) = 64),
    added_by   text NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (model_key, number, public_key),
    FOREIGN KEY (model_key, number) REFERENCES registry.versions (model_key, number)
);
COMMENT ON TABLE registry.signatures IS
    'Ed25519 signatures (RFC 8032) over the statement that follows from the files of a version, which never change.';
CREATE TRIGGER signatures_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON registry.signatures
    FOR EACH STATEMENT EXECUTE FUNCTION registry.refuse_change();
