"""A look at a document's tokens before it is parsed: parsing takes far longer, and most hostile documents end here."""

from __future__ import annotations

import re

from graphql import GraphQLError

from cdp.graphql.limits import Limits, TooComplex

_TOKENS = re.compile(
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*+(?:""")?'
    r'|"(?:[^"\\\n\r]|\\.)*+"?'
    r"|#[^\n\r]*+"
    r"|[A-Za-z_][A-Za-z0-9_]*+"
    r"|-?[0-9][0-9.eE+-]*+"
    r"|\.\.\."
    r"|[!$&():=@\[\]{|}]"
)
"""What is no token is left to the parser, which says where it is."""

_LONGEST_WORD = 256
"""Characters of a name or a number; errors quote them, and reading a number takes time of the square of its length."""


_LEVELS = {"{": 1, "[": 1, "(": 1, "}": -1, "]": -1, ")": -1}


def scan(text: str, limits: Limits) -> int:
    """The number of tokens of a document that is within the limits, as far as that can be seen from its tokens.

    Raises:
        TooComplex: it is not.
        GraphQLError: a name or a number is longer than any of use.
    """
    if len(text) > limits.characters:
        raise TooComplex(f"A document may have {limits.characters:,} characters; this one has {len(text):,}.")
    count = depth = directives = spreads = 0
    for match in _TOKENS.finditer(text):
        token = match.group()
        first = token[0]
        if first == "#":
            continue
        count += 1
        depth += _LEVELS.get(first, 0)
        directives += first == "@"
        spreads += first == "."
        if first != '"' and len(token) > _LONGEST_WORD:
            raise GraphQLError(
                f"A name or a number may have {_LONGEST_WORD} characters; one has {len(token):,}."
            )
        if count > limits.tokens or depth > limits.brackets:
            break
    for what, found, most in (
        ("have {most:,} tokens", count, limits.tokens),
        ("nest brackets {most} deep", depth, limits.brackets),
        ("have {most:,} directives", directives, limits.directives),
        ("have {most:,} fragments, named or inline", spreads, limits.spreads),
    ):
        if found > most:
            raise TooComplex(f"A document may {what.format(most=most)}; this one goes beyond.")
    return count
