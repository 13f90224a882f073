"""Ingest against bare COPY."""
