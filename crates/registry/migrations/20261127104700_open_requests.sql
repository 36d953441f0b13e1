-- What waits is asked for again and again, among ever more that is closed.
CREATE INDEX requests_open_newest ON registry.requests (workspace_id, id DESC) WHERE state = 1;
