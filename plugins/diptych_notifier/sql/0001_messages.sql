-- What a channel was told last of each thing of each person.
CREATE TABLE message (
    workspace_id bigint NOT NULL,
    channel text NOT NULL,
    subject text NOT NULL,
    delivery_id text NOT NULL,
    sent boolean NOT NULL DEFAULT false,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, channel, subject)
);
CREATE INDEX message_at ON message (workspace_id, channel, at);

-- How much there was to tell, by day.
CREATE TABLE tally (
    workspace_id bigint NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,
    day date NOT NULL,
    sent bigint NOT NULL DEFAULT 0,
    kept_back bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, channel, kind, day)
);

-- Which weeks a channel has been told of.
CREATE TABLE digest (
    workspace_id bigint NOT NULL,
    channel text NOT NULL,
    week date NOT NULL,
    PRIMARY KEY (workspace_id, channel, week)
);
