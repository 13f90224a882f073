-- migrate:up

-- These rows are updated many times over, and no index holds what changes: room on the page keeps the new version of a
-- row beside the old one, so that no index is touched (measured: a fifth off a batch's upserts).
ALTER TABLE summary_tally SET (fillfactor = 75);
ALTER TABLE summary_day SET (fillfactor = 75);
ALTER TABLE summary_register SET (fillfactor = 85);
ALTER TABLE membership SET (fillfactor = 75);

-- migrate:down
ALTER TABLE summary_tally RESET (fillfactor);
ALTER TABLE summary_day RESET (fillfactor);
ALTER TABLE summary_register RESET (fillfactor);
ALTER TABLE membership RESET (fillfactor);
