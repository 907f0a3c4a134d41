"""How text from a document is shown: nothing of it may steer a terminal, a log or a Markdown page."""

from __future__ import annotations

import unicodedata
from typing import Final

_SHORT: Final = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def visible(text: str, *, keep: str = "") -> str:
    r"""Replace what a terminal would act on, or not show, by its escape (``\x1b``, ``\u202e``).

    Control and format characters (bidirectional overrides, zero-width spaces), line and paragraph separators,
    lone surrogates and unassigned characters are replaced; `keep` names the ones that may stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def quoted(text: str, limit: int = 80) -> str:
    """Return `text` visible, in backticks, at most `limit` characters of it."""
    shown = visible(text[:limit])
    return f"`{shown}`" if len(text) <= limit else f"`{shown}…` ({len(text):,} characters)"


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
