-- migrate:up

-- The order of lists where the reader gives none: who was seen last comes first, and who never was, last. Pages compare
-- this and profile_id with those of a cursor, one range of the index in either direction. (CASE, and not coalesce, which
-- row-level security keeps from indexes.)
CREATE INDEX profile_by_seen ON profile (
    workspace_id, (CASE WHEN last_seen_at IS NULL THEN '-infinity'::timestamptz ELSE last_seen_at END), profile_id
) WHERE merged_into IS NULL;
DROP INDEX profile_by_last_seen;

-- What `search` looks in, apart from profile: that changes with every event, and this hardly ever does, so that the
-- index on words is not written with each of them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE TABLE profile_search (
    workspace_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    -- profile.search_text
    text text NOT NULL,
    PRIMARY KEY (workspace_id, profile_id),
    FOREIGN KEY (workspace_id, profile_id) REFERENCES profile ON DELETE CASCADE
);
CREATE INDEX profile_search_by_words ON profile_search USING gin (workspace_id, text gin_trgm_ops);
ALTER TABLE profile_search ENABLE ROW LEVEL SECURITY;
ALTER TABLE profile_search FORCE ROW LEVEL SECURITY;
CREATE POLICY bound ON profile_search USING (workspace_id = (SELECT cdp.bound_workspace()));
CREATE POLICY owner_reads ON profile_search FOR SELECT TO CURRENT_USER USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON profile_search TO diptych_app;

CREATE FUNCTION cdp.keep_search_text() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.merged_into IS NOT NULL OR NEW.search_text = '' THEN
        DELETE FROM public.profile_search s WHERE s.workspace_id = NEW.workspace_id AND s.profile_id = NEW.profile_id;
    ELSE
        INSERT INTO public.profile_search AS s (workspace_id, profile_id, text)
        VALUES (NEW.workspace_id, NEW.profile_id, NEW.search_text)
        ON CONFLICT (workspace_id, profile_id) DO UPDATE SET text = excluded.text;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_search_text_of_new AFTER INSERT ON profile
    FOR EACH ROW WHEN (NEW.search_text <> '') EXECUTE FUNCTION cdp.keep_search_text();
CREATE TRIGGER keep_search_text AFTER UPDATE OF search_text, merged_into ON profile
    FOR EACH ROW WHEN (OLD.search_text IS DISTINCT FROM NEW.search_text
                       OR OLD.merged_into IS DISTINCT FROM NEW.merged_into)
    EXECUTE FUNCTION cdp.keep_search_text();

-- The people of the connection's workspace in whose text all the words are; null where they are many, more than `most`
-- or two in a hundred of a first few, and where no word is long enough for the index: then it is quicker to read people
-- in the order of the list and look into each. The application's own look-ups are under row-level security, which lets
-- no operator near an index that might tell what it saw, and LIKE might: so this one asks as the owner, and for the
-- workspace alone that the connection is bound to.
CREATE FUNCTION cdp.find_people(words text[], most integer) RETURNS bigint[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    patterns text[];
    longest text;
    found bigint[];
BEGIN
    SELECT array_agg('%' || regexp_replace(w.word, '([\\%_])', '\\\1', 'g') || '%' ORDER BY length(w.word) DESC),
           (array_agg(w.word ORDER BY length(w.word) DESC))[1]
    INTO patterns, longest
    FROM unnest(words) AS w (word);
    IF longest IS NULL OR longest !~ '\w{3}' THEN
        RETURN NULL;
    END IF;
    IF (SELECT count(*) FROM (SELECT s.text FROM profile_search s
                              WHERE s.workspace_id = (SELECT cdp.bound_workspace()) LIMIT 300) s
        WHERE s.text LIKE ALL (patterns)) > 6 THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(s.profile_id) INTO found
    FROM (
        SELECT s.profile_id FROM profile_search s
        WHERE s.workspace_id = (SELECT cdp.bound_workspace())
          AND s.text LIKE patterns[1] AND s.text LIKE ALL (patterns)
        LIMIT most + 1
    ) s;
    RETURN CASE WHEN cardinality(found) > most THEN NULL ELSE coalesce(found, '{}') END;
END
$$;
REVOKE ALL ON FUNCTION cdp.find_people(text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cdp.find_people(text[], integer) TO diptych_app;

-- Row-level security is forced on the owner too, who sees no profile: let the rows that there are be copied.
CREATE POLICY owner_copies ON profile FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY owner_copies ON profile_search FOR INSERT TO CURRENT_USER WITH CHECK (true);
INSERT INTO profile_search (workspace_id, profile_id, text)
SELECT p.workspace_id, p.profile_id, p.search_text FROM profile p WHERE p.merged_into IS NULL AND p.search_text <> '';
DROP POLICY owner_copies ON profile_search;
DROP POLICY owner_copies ON profile;

-- migrate:down
DROP FUNCTION cdp.find_people(text[], integer);
DROP TRIGGER keep_search_text ON profile;
DROP TRIGGER keep_search_text_of_new ON profile;
DROP FUNCTION cdp.keep_search_text();
DROP TABLE profile_search;
DROP EXTENSION btree_gin;
DROP EXTENSION pg_trgm;
CREATE INDEX profile_by_last_seen ON profile (workspace_id, last_seen_at, profile_id) WHERE merged_into IS NULL;
DROP INDEX profile_by_seen;
