"""Requests that are cheap to send and dear to answer."""
