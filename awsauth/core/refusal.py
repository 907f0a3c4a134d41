"""How a manifest file is refused: what, on which line, that nothing was changed, what to do next."""

from __future__ import annotations

from awsauth.errors import ManifestError


def line_of(text: str, offset: int) -> int:
    """Return the line, counted from 1, that holds the character at `offset`."""
    return text.count("\n", 0, offset) + 1


def refusal(what: str, text: str, offset: int, cure: str) -> ManifestError:
    """Return the error for what stands at `offset` of a manifest's text."""
    return ManifestError(what, where=f"line {line_of(text, offset)}", cure=f"Nothing was changed. {cure}")
