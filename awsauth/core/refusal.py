"""How a manifest file is refused: what, on which line, that nothing was changed, what to do next."""

from __future__ import annotations

from awsauth.errors import ManifestError


def line_of(text: str, offset: int) -> int:
    """Return the line, counted from 1, that holds the character at `offset`."""
    return text.count("\n", 0, offset) + 1


def refusal(what: str, text: str, offset: int, cure: str) -> ManifestError:
    """Return the error for what stands at `offset` of a manifest's text; `what` is a sentence without its full stop."""
    return refusal_at(f"line {line_of(text, offset)}", what, cure)


def refusal_at(where: str, what: str, cure: str) -> ManifestError:
    """Return the error for a place that is named already, or for none."""
    return ManifestError(f"{what}; nothing was changed.", where=where, cure=cure)
