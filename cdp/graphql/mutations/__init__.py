"""Mutations, a module per noun: thin, over the services that tracking calls and the worker use as well."""
