ALTER TABLE access.tokens
    ADD COLUMN role         smallint CHECK (role BETWEEN 1 AND 4),
    ADD COLUMN last_used_at timestamptz;
COMMENT ON COLUMN access.tokens.role IS 'The role it has at most; as much as its principal if NULL.';
COMMENT ON COLUMN access.tokens.last_used_at IS 'To the minute: a call does not wait for a write.';

CREATE TABLE access.changes (
    workspace_id int NOT NULL REFERENCES access.workspaces,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    action       smallint NOT NULL,
    principal    text NOT NULL,
    subject      text NOT NULL,
    role         smallint,
    token        text NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE access.changes IS 'Who gave whom what; appended to in the transaction of the change.';
COMMENT ON COLUMN access.changes.action IS 'A number of herdbook.access.v1.AccessAction.';
CREATE INDEX changes_principal ON access.changes (workspace_id, principal, id);
