-- What changed since a revision is found, for search.

CREATE INDEX models_changed ON registry.models (workspace_id, revision);
CREATE INDEX versions_changed ON registry.versions (model_key, revision);
