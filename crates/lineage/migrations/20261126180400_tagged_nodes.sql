-- Finds what has a tag. Few nodes have any, and only those are indexed, so that recording others costs nothing.
CREATE INDEX nodes_tagged ON lineage.nodes USING gin (tags) WHERE tags <> '[]'::jsonb;
COMMENT ON INDEX lineage.nodes_tagged IS 'Finds the nodes that have a tag';
