"""Trusted documents: those that the operator has put down beforehand, asked for by their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from cdp.errors import BadInput, Forbidden, Misconfigured, NotFound


class TrustedDocuments:
    """Documents by their hash. With `only`, no others are run."""

    def __init__(self, texts: Iterable[str] = (), *, only: bool = False) -> None:
        self._texts = {hash_of(text): text for text in texts}
        self._only = only

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, given: str | None, wanted: str | None) -> str | None:
        """The document of a request that gives its text, or wants the one of this hash, or both; None: neither.

        Raises:
            NotFound: no document has this hash.
            BadInput: text and hash do not belong together.
            Forbidden: only trusted documents are run, and this is none.
        """
        if wanted is not None:
            wanted = wanted.removeprefix("sha256:").lower()
            if given and hash_of(given) != wanted:
                raise BadInput("The hash is not the SHA-256 of `query`.")
            if wanted in self._texts:
                return self._texts[wanted]
            if not given:
                raise NotFound("No trusted document has this hash.")
        if given and self._only and hash_of(given) not in self._texts:
            raise Forbidden("This server runs trusted documents only, and this is none of them.")
        return given


def hash_of(text: str) -> str:
    """SHA-256 of a document's text in UTF-8, in lower-case hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def wanted_hash(document_id: str | None, extensions: Mapping[str, Any] | None) -> str | None:
    """The hash that a request brings, as `documentId` or as `extensions.persistedQuery.sha256Hash`; None: none."""
    if document_id is not None:
        return document_id
    persisted = (extensions or {}).get("persistedQuery")
    found = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return found if isinstance(found, str) else None


def read_trusted(path: Path | None, *, only: bool) -> TrustedDocuments:
    """Trusted documents of a folder's `*.graphql` files, or of a JSON file `{hash: text}` as code generators write it.

    Raises:
        Misconfigured: there is no such file or folder, it is not readable, or a hash is not its text's SHA-256.
    """
    if path is None:
        if only:
            raise Misconfigured(
                "Only trusted documents are to be run: say where they are, with CDP_TRUSTED_DOCUMENTS."
            )
        return TrustedDocuments()
    try:
        if path.is_dir():
            texts = [file.read_text("utf-8") for file in sorted(path.glob("**/*.graphql"))]
        else:
            by_hash = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
            texts = list(by_hash.values())
            for name, text in by_hash.items():
                if name.removeprefix("sha256:").lower() != hash_of(text):
                    raise Misconfigured(f"In {path}, {name[:80]!r} is not the SHA-256 of its document.")
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Misconfigured(f"The trusted documents at {path} cannot be read: {error}.") from error
    return TrustedDocuments(texts, only=only)
