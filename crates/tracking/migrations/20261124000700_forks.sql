-- Runs that go on from others, and how metrics are meant.

ALTER TABLE tracking.runs ADD COLUMN forked_from bigint REFERENCES tracking.runs,
    ADD COLUMN fork_step bigint, ADD CHECK ((forked_from IS NULL) = (fork_step IS NULL));
COMMENT ON COLUMN tracking.runs.forked_from IS 'The run whose points up to fork_step count as its own.';
CREATE INDEX runs_forked_from ON tracking.runs (forked_from) WHERE forked_from IS NOT NULL;

CREATE TABLE tracking.metric_definitions (
    run_key     bigint NOT NULL REFERENCES tracking.runs,
    key         text COLLATE "C" NOT NULL,
    step_digits smallint NOT NULL CHECK (step_digits BETWEEN 0 AND 18),
    x_key       text COLLATE "C" NOT NULL,
    goal        smallint NOT NULL,
    unit        text NOT NULL,
    PRIMARY KEY (run_key, key)
);
COMMENT ON TABLE tracking.metric_definitions IS 'How metrics are meant, as said by who logs them.';
COMMENT ON COLUMN tracking.metric_definitions.goal IS 'A number of herdbook.tracking.v1.MetricGoal.';
