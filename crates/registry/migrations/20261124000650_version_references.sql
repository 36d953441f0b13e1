-- References to blobs are counted.

ALTER TABLE registry.versions ADD COLUMN counted boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN registry.versions.counted IS
    'Whether the version holds references to the blobs of its files: not, where a version of Herdbook wrote it that does not count.';
CREATE INDEX versions_uncounted ON registry.versions (model_key, number) WHERE NOT counted;
