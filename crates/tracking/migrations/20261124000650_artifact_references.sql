-- References to blobs are counted.

ALTER TABLE tracking.artifacts ADD COLUMN held bytea;
COMMENT ON COLUMN tracking.artifacts.held IS
    'The digest to which the entry holds a reference: another than its digest where a version wrote that does not count.';
CREATE INDEX artifacts_uncounted ON tracking.artifacts (run_key) WHERE held IS DISTINCT FROM digest;
