-- migrate:up

-- What the operator allows a workspace per second; only what differs from the server's settings. Not the workspace's to
-- change: nothing in GraphQL writes it.
ALTER TABLE workspace ADD COLUMN limits jsonb NOT NULL DEFAULT '{}';

-- migrate:down

ALTER TABLE workspace DROP COLUMN limits;
