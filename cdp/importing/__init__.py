"""Importing files: rows of people, accounts or events, through the same path as the tracking API."""
