-- Cards, owners, flavors and schemas.

ALTER TABLE registry.models
    ADD COLUMN owners text[] NOT NULL DEFAULT '{}',
    ADD COLUMN card jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN registry.models.owners IS
    'People or teams who answer for it; empty where a version of Herdbook wrote it that knows none, which means who created it.';
COMMENT ON COLUMN registry.models.card IS 'The fields of the card that are not empty.';

ALTER TABLE registry.versions
    ADD COLUMN flavor text NOT NULL DEFAULT '',
    ADD COLUMN io_schema jsonb,
    ADD COLUMN card jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN registry.versions.io_schema IS 'Inputs and outputs; NULL if nobody said.';
COMMENT ON COLUMN registry.versions.card IS 'The fields of the card that are different from those of the model.';
