"""The two panels: the catalogue that classifies events, their mergeable summaries, and the rows that readers use."""
