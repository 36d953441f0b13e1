-- A request is noted in the statement that locks the head of its run, and goes with it: a reference to the run's row
-- only had each commit lock that row too, and write that down.
ALTER TABLE tracking.log_requests DROP CONSTRAINT log_requests_run_key_fkey;
