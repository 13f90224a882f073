"""What plugins add to the schema: fields of Profile, Account and Membership, queries, mutations."""

from cdp.graphql.extending.build import NONE, Extensions, extend, extensions_of

__all__ = ["NONE", "Extensions", "extend", "extensions_of"]
