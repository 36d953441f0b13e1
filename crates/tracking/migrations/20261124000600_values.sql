-- Typed values on steps.

CREATE TABLE tracking.value_series (
    run_key    bigint NOT NULL REFERENCES tracking.runs,
    key        text COLLATE "C" NOT NULL,
    type       smallint NOT NULL,
    count      bigint NOT NULL,
    first_step bigint NOT NULL,
    last_step  bigint NOT NULL,
    PRIMARY KEY (run_key, key)
) WITH (fillfactor = 70);
COMMENT ON TABLE tracking.value_series IS 'What the values of one key have in common. Whoever writes values locks its row first.';
COMMENT ON COLUMN tracking.value_series.type IS 'A number of herdbook.tracking.v1.ValueType.';

CREATE TABLE tracking.run_values (
    run_key bigint NOT NULL,
    key     text COLLATE "C" NOT NULL,
    step    bigint NOT NULL,
    index   smallint NOT NULL,
    time_us bigint NOT NULL,
    value   bytea NOT NULL,
    digest  bytea CHECK (length(digest) = 32),
    size    bigint,
    PRIMARY KEY (run_key, key, step, index),
    FOREIGN KEY (run_key, key) REFERENCES tracking.value_series (run_key, key),
    CONSTRAINT run_values_blob CHECK ((digest IS NULL) = (size IS NULL))
);
COMMENT ON COLUMN tracking.run_values.value IS
    'The kind of a herdbook.tracking.v1.Value, encoded, without what other columns have and without bytes in a blob.';
COMMENT ON COLUMN tracking.run_values.digest IS 'The blob with its bytes, to which it holds a reference, where they do not stand in the value.';

CREATE TABLE tracking.value_requests (
    run_key    bigint NOT NULL REFERENCES tracking.runs,
    request_id text COLLATE "C" NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_key, request_id)
);
COMMENT ON TABLE tracking.value_requests IS 'LogValues calls that were done, so that a repeat changes nothing.';
