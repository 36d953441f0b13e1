-- Files of versions never change, whoever writes.

CREATE FUNCTION registry.refuse_files() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the files of a version never change';
END $$;
CREATE TRIGGER files_are_final BEFORE UPDATE OF files, digest ON registry.versions
    FOR EACH STATEMENT EXECUTE FUNCTION registry.refuse_files();
