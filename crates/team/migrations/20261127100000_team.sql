CREATE TABLE team.comments (
    id           uuid PRIMARY KEY,
    workspace_id int NOT NULL,
    subject_kind smallint NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    author_id    uuid NOT NULL,
    author       text NOT NULL,
    text         text NOT NULL,
    mentions     text[] NOT NULL DEFAULT '{}',
    request_id   text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    edited_at    timestamptz,
    deleted_at   timestamptz
);
COMMENT ON TABLE team.comments IS 'What people say; of a deleted one the row stays, without its text.';
COMMENT ON COLUMN team.comments.subject_kind IS 'A number of herdbook.team.v1.SubjectKind.';
COMMENT ON COLUMN team.comments.mentions IS 'Names of the members that it mentions.';
CREATE INDEX comments_subject ON team.comments (workspace_id, subject_kind, subject, created_at, id);
CREATE INDEX comments_newest ON team.comments (workspace_id, created_at, id);
CREATE UNIQUE INDEX comments_request ON team.comments (workspace_id, author_id, request_id)
    WHERE request_id IS NOT NULL;

CREATE TABLE team.mentions (
    workspace_id int NOT NULL,
    principal    text COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL,
    comment_id   uuid NOT NULL REFERENCES team.comments,
    PRIMARY KEY (workspace_id, principal, created_at, comment_id)
);
COMMENT ON TABLE team.mentions IS 'Which comments that are not deleted mention whom, by the time of the comment.';
CREATE INDEX mentions_comment ON team.mentions (comment_id);

CREATE TABLE team.reports (
    id           uuid PRIMARY KEY,
    workspace_id int NOT NULL,
    revision     bigint NOT NULL,
    title        text NOT NULL,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by   text NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at   timestamptz,
    creator_id   uuid NOT NULL,
    request_id   text
);
COMMENT ON TABLE team.reports IS 'Reports as they are; their texts are with the revisions.';
CREATE INDEX reports_newest ON team.reports (workspace_id, updated_at, id);
CREATE UNIQUE INDEX reports_request ON team.reports (workspace_id, creator_id, request_id)
    WHERE request_id IS NOT NULL;

CREATE TABLE team.report_revisions (
    report_id    uuid NOT NULL REFERENCES team.reports,
    revision     bigint NOT NULL,
    workspace_id int NOT NULL,
    title        text NOT NULL,
    text         text NOT NULL,
    saved_by     text NOT NULL,
    saved_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    comment      text NOT NULL DEFAULT '',
    PRIMARY KEY (report_id, revision)
);
COMMENT ON TABLE team.report_revisions IS 'Every save of a report; never changed.';
CREATE INDEX report_revisions_newest ON team.report_revisions (workspace_id, saved_at, report_id, revision);

CREATE TABLE team.views (
    workspace_id int NOT NULL,
    subject_kind smallint NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    name         text NOT NULL,
    query        text NOT NULL,
    saved_by     text NOT NULL,
    saved_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, subject_kind, subject, name)
);
COMMENT ON TABLE team.views IS 'Named ways of looking at a thing, shared in the workspace.';

CREATE TABLE team.preferences (
    workspace_id int NOT NULL,
    principal_id uuid NOT NULL,
    key          text COLLATE "C" NOT NULL,
    value        text NOT NULL,
    PRIMARY KEY (workspace_id, principal_id, key)
);
COMMENT ON COLUMN team.preferences.value IS 'JSON.';
