CREATE TABLE tracking.artifacts (
    run_key    bigint NOT NULL REFERENCES tracking.runs,
    path       text COLLATE "C" NOT NULL,
    size       bigint NOT NULL,
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_key, path)
);
COMMENT ON TABLE tracking.artifacts IS 'Files of runs; their bytes are in the blob store under the digest.';
