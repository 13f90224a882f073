-- migrate:up

-- Tables whose rows change with every flush. By default autovacuum waits until a fifth of a table has changed: of ten
-- million summaries, two million dead rows, among which every look-up goes. A hundredth, and a pause of 1 ms between its
-- rounds in place of 2 ms, keeps it at work in small pieces.
ALTER TABLE profile SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 1);
ALTER TABLE membership SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 1);
ALTER TABLE summary_tally SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 1);
ALTER TABLE summary_day SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 1);
ALTER TABLE summary_register SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 1);
ALTER TABLE link SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
-- A queue: few rows at a time, each of them new, changed twice and gone within seconds.
ALTER TABLE settlement SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
                            autovacuum_vacuum_cost_delay = 0);

-- migrate:down
ALTER TABLE settlement RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
                              autovacuum_vacuum_cost_delay);
ALTER TABLE link RESET (fillfactor, autovacuum_vacuum_scale_factor);
ALTER TABLE summary_register RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
ALTER TABLE summary_day RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
ALTER TABLE summary_tally RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
ALTER TABLE membership RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
ALTER TABLE profile RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
