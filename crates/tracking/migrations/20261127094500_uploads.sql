-- Uploads of files in parts.

CREATE TABLE tracking.uploads (
    upload_key   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid NOT NULL UNIQUE,
    workspace_id int NOT NULL,
    run_id       uuid,
    model_id     uuid,
    path         text COLLATE "C" NOT NULL,
    touched_at   timestamptz NOT NULL DEFAULT now(),
    digest       bytea CHECK (length(digest) = 32),
    size         bigint,
    CONSTRAINT uploads_holder CHECK ((run_id IS NULL) <> (model_id IS NULL)),
    CONSTRAINT uploads_complete CHECK ((digest IS NULL) = (size IS NULL))
);
COMMENT ON TABLE tracking.uploads IS
    'One that is complete is kept for as long as one that is not, so that completing it again answers the same.';
COMMENT ON COLUMN tracking.uploads.run_id IS
    'Not a reference: what an upload was begun for may be purged before it ends.';
COMMENT ON COLUMN tracking.uploads.digest IS 'Of the file, once it is complete; then it has no parts any more.';
CREATE INDEX uploads_touched ON tracking.uploads (touched_at);

CREATE TABLE tracking.upload_parts (
    upload_key bigint NOT NULL REFERENCES tracking.uploads,
    number     int NOT NULL,
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    size       bigint NOT NULL,
    PRIMARY KEY (upload_key, number)
);
COMMENT ON TABLE tracking.upload_parts IS 'Each holds a reference to its blob, and counts among the bytes of its workspace.';
