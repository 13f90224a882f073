"""Workspaces: the tenants with their settings, catalogues and features; loaded, cached and changed."""
