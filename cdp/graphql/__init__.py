"""The GraphQL schema, a module per noun; how a request is authenticated, executed and answered."""

# Enums of the model are described before any type that uses them is made: Strawberry would describe them itself.
from cdp.graphql import vocabulary, words  # noqa: F401
