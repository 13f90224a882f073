"""The demo: two public synthetic data sets as tracking items, sent through the real ingest path."""
