-- Shared policies can be deleted; their revisions stay.

ALTER TABLE registry.policy_revisions DROP CONSTRAINT policy_revisions_workspace_id_name_fkey;
COMMENT ON TABLE registry.policy_revisions IS
    'All that the policies ever were, deleted ones too: decisions name the revision by which they were made.';
