-- Webhooks that post in another format, and secrets that their receivers chose.

ALTER TABLE registry.webhooks
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN description text NOT NULL DEFAULT '',
    ADD COLUMN format smallint NOT NULL DEFAULT 1,
    ADD COLUMN events text[] NOT NULL DEFAULT '{}',
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT clock_timestamp();
COMMENT ON COLUMN registry.webhooks.id IS 'What it is known by whatever its name.';
COMMENT ON COLUMN registry.webhooks.format IS 'A number of herdbook.registry.v1.WebhookFormat.';
COMMENT ON COLUMN registry.webhooks.events IS 'Which events of its format are posted; all if empty.';
COMMENT ON COLUMN registry.webhooks.updated_at IS 'When an admin last changed it.';

ALTER TABLE registry.webhooks
    DROP CONSTRAINT webhooks_secret_check,
    DROP CONSTRAINT webhooks_old_secret_check;
COMMENT ON COLUMN registry.webhooks.secret IS
    'Signs what is posted, so that it cannot be kept as a hash: whoever reads it can sign. Empty if nothing is signed.';
