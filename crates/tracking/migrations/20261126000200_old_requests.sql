-- Requests are forgotten after a week. A few bytes a range of pages find the old ones, and cost a call nothing.

CREATE INDEX log_requests_at ON tracking.log_requests USING brin (at) WITH (autosummarize = on);
CREATE INDEX value_requests_at ON tracking.value_requests USING brin (at) WITH (autosummarize = on);
