-- Webhooks: addresses to which changes are posted.

CREATE TABLE registry.webhook_senders (
    sender      uuid PRIMARY KEY,
    alive_until timestamptz NOT NULL
);
COMMENT ON TABLE registry.webhook_senders IS
    'Processes that send, each with a new id whenever it starts or was found dead. One that does not renew its time in it is deleted by whoever sees that, and with it its hold on webhooks.';

CREATE TABLE registry.webhooks (
    webhook_key      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id     int NOT NULL,
    name             text COLLATE "C" NOT NULL,
    url              text NOT NULL,
    selector         bytea NOT NULL,
    enabled          boolean NOT NULL DEFAULT true,
    disabled_reason  text NOT NULL DEFAULT '',
    secret           bytea NOT NULL CHECK (length(secret) = 32),
    old_secret       bytea CHECK (length(old_secret) = 32),
    old_secret_until timestamptz,
    position         bigint NOT NULL,
    attempts         int NOT NULL DEFAULT 0,
    due_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    failing_since    timestamptz,
    deliveries       bigint NOT NULL DEFAULT 0,
    changes          bigint NOT NULL DEFAULT 0,
    sender           uuid REFERENCES registry.webhook_senders ON DELETE SET NULL,
    created_by       text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT webhooks_name UNIQUE (workspace_id, name)
);
COMMENT ON COLUMN registry.webhooks.selector IS 'A herdbook.registry.v1.EventSelector, encoded.';
COMMENT ON COLUMN registry.webhooks.secret IS
    'Signs what is posted, so that it cannot be kept as a hash: whoever reads it can sign.';
COMMENT ON COLUMN registry.webhooks.old_secret IS 'The secret before, which signs too until old_secret_until.';
COMMENT ON COLUMN registry.webhooks.position IS
    'Revision up to which changes were acknowledged, became dead letters, or were not selected.';
COMMENT ON COLUMN registry.webhooks.attempts IS 'Failed attempts at the change that is next; it is tried again at due_at.';
COMMENT ON COLUMN registry.webhooks.failing_since IS 'First failed attempt since the last acknowledgement.';
COMMENT ON COLUMN registry.webhooks.deliveries IS 'Attempts ever made: the number of the last one.';
COMMENT ON COLUMN registry.webhooks.changes IS
    'Counted up with each change that the sender must begin again for.';
COMMENT ON COLUMN registry.webhooks.sender IS
    'The one process that may send, the fence of whatever it writes about this webhook; NULL if any may take it.';
CREATE INDEX webhooks_sender ON registry.webhooks (sender);

CREATE TABLE registry.webhook_deliveries (
    webhook_key bigint NOT NULL REFERENCES registry.webhooks ON DELETE CASCADE,
    slot        smallint NOT NULL,
    number      bigint NOT NULL,
    revision    bigint NOT NULL,
    attempt     int NOT NULL,
    at          timestamptz NOT NULL,
    status      smallint,
    error       text NOT NULL,
    latency_us  bigint NOT NULL,
    PRIMARY KEY (webhook_key, slot)
);
COMMENT ON TABLE registry.webhook_deliveries IS 'The last 100 attempts of each webhook.';
COMMENT ON COLUMN registry.webhook_deliveries.slot IS
    'The number modulo 100: an attempt takes the row of the one a hundred before it.';
COMMENT ON COLUMN registry.webhook_deliveries.revision IS 'Revision of the change; 0 for a test.';

CREATE TABLE registry.webhook_dead_letters (
    webhook_key bigint NOT NULL REFERENCES registry.webhooks ON DELETE CASCADE,
    revision    bigint NOT NULL,
    at          timestamptz NOT NULL,
    error       text NOT NULL,
    resend      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (webhook_key, revision)
);
COMMENT ON TABLE registry.webhook_dead_letters IS 'Changes that a webhook did not take.';
COMMENT ON COLUMN registry.webhook_dead_letters.resend IS 'Whether it waits to be sent again.';
CREATE INDEX webhook_dead_letters_resend ON registry.webhook_dead_letters (webhook_key, revision) WHERE resend;
