-- migrate:up

-- When did this person's claim last end? A claim that begins again asks; the partial index holds current ones only.
CREATE INDEX role_claim_by_profile ON role_claim (workspace_id, profile_id, account_id, role, source);

-- migrate:down
DROP INDEX role_claim_by_profile;
