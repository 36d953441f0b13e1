-- What was known before. nodes and edges hold what stands now, so that questions about the present
-- never pass by the past; every change moves the former state here, and so does a retraction or a
-- merge. Nothing is ever lost. Node ids are not given twice: edges here lead to nodes here.

ALTER TABLE lineage.nodes
    ADD COLUMN known_from timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN held_from  timestamptz,
    ADD COLUMN held_until timestamptz;
UPDATE lineage.nodes SET known_from = recorded_at;
COMMENT ON COLUMN lineage.nodes.known_from IS 'Since when it has been known as it stands here; never before the former state began';
COMMENT ON COLUMN lineage.nodes.held_from IS 'When it began to be, as its recorder says; null if nobody did';
COMMENT ON COLUMN lineage.nodes.held_until IS 'When it ceased to be; null if nobody said, or it did not';

ALTER TABLE lineage.edges
    ADD COLUMN held_from  timestamptz,
    ADD COLUMN held_until timestamptz;
COMMENT ON COLUMN lineage.edges.recorded_at IS 'Since when it has been known as it stands here';
COMMENT ON COLUMN lineage.edges.held_from IS 'When it began to hold, as its recorder says; null if nobody did';
COMMENT ON COLUMN lineage.edges.held_until IS 'When it ceased to hold; null if nobody said, or it did not';

CREATE TABLE lineage.node_history (
    id                  bigint NOT NULL,
    workspace_id        int NOT NULL,
    kind                text COLLATE "C" NOT NULL,
    name                text COLLATE "C" NOT NULL,
    version             text COLLATE "C" NOT NULL,
    attributes          jsonb NOT NULL,
    attribute_revisions jsonb NOT NULL,
    revision            bigint NOT NULL,
    tags                jsonb NOT NULL,
    bare                boolean NOT NULL,
    recorded_at         timestamptz NOT NULL,
    held_from           timestamptz,
    held_until          timestamptz,
    known_from          timestamptz NOT NULL,
    known_until         timestamptz NOT NULL,
    ended_by            text,
    reason              text
);
CREATE INDEX node_history_by_id ON lineage.node_history (id, known_from);
CREATE INDEX node_history_by_key ON lineage.node_history (workspace_id, kind, name, version, known_from);
COMMENT ON TABLE lineage.node_history IS 'States of nodes that stand no more; columns as in lineage.nodes';
COMMENT ON COLUMN lineage.node_history.known_until IS 'Until when it was known like this, itself excluded';
COMMENT ON COLUMN lineage.node_history.ended_by IS 'Who retracted or merged the node; null if it only changed';
COMMENT ON COLUMN lineage.node_history.reason IS 'Why, as they said';
COMMENT ON INDEX lineage.node_history_by_id IS 'Finds what a node was at a moment';
COMMENT ON INDEX lineage.node_history_by_key IS 'Finds what a reference meant at a moment';

CREATE TABLE lineage.edge_history (
    workspace_id int NOT NULL,
    source       bigint NOT NULL,
    target       bigint NOT NULL,
    type         smallint NOT NULL,
    label        text COLLATE "C" NOT NULL,
    held_from    timestamptz,
    held_until   timestamptz,
    recorded_at  timestamptz NOT NULL,
    known_until  timestamptz NOT NULL,
    ended_by     text,
    reason       text
);
CREATE INDEX edge_history_by_source ON lineage.edge_history (source, target);
CREATE INDEX edge_history_by_target ON lineage.edge_history (target, source);
COMMENT ON TABLE lineage.edge_history IS 'Edges that stand no more; columns as in lineage.edges';
COMMENT ON COLUMN lineage.edge_history.known_until IS 'Until when it was known like this, itself excluded';
COMMENT ON COLUMN lineage.edge_history.ended_by IS 'Who retracted it or merged one of its ends; null if it only changed';
COMMENT ON COLUMN lineage.edge_history.reason IS 'Why, as they said';
COMMENT ON INDEX lineage.edge_history_by_source IS 'Finds what came from a node at a moment';
COMMENT ON INDEX lineage.edge_history_by_target IS 'Finds what a node came from at a moment';

CREATE VIEW lineage.node_states AS
SELECT id, workspace_id, kind, name, version, attributes, attribute_revisions, revision, tags, bare,
       recorded_at, held_from, held_until, known_from, 'infinity'::timestamptz AS known_until,
       NULL::text AS ended_by, NULL::text AS reason
FROM lineage.nodes
UNION ALL
SELECT id, workspace_id, kind, name, version, attributes, attribute_revisions, revision, tags, bare,
       recorded_at, held_from, held_until, known_from, known_until, ended_by, reason
FROM lineage.node_history;
COMMENT ON VIEW lineage.node_states IS 'What nodes were and are: a state is known from known_from to known_until';

CREATE VIEW lineage.edge_states AS
SELECT source, target, type, label, held_from, held_until, recorded_at AS known_from,
       'infinity'::timestamptz AS known_until
FROM lineage.edges
UNION ALL
SELECT source, target, type, label, held_from, held_until, recorded_at, known_until
FROM lineage.edge_history;
COMMENT ON VIEW lineage.edge_states IS 'What edges were and are: a state is known from known_from to known_until';
