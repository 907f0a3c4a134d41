"""Makes a text that shows something smaller, as long as it still shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def reduced(text: str, still: Callable[[str], bool], *, attempts: int = 3000) -> str:
    """Return a text, made by taking lines and then characters out of `text`, for which `still` holds.

    `still` has to hold for `text` itself, and is asked at most `attempts` times.
    """
    for pieces in (text.splitlines(keepends=True), None):
        parts = list(text) if pieces is None else pieces
        size = max(len(parts) // 2, 1)
        while size and attempts > 0:
            start = 0
            smaller = False
            while start < len(parts) and attempts > 0:
                candidate = parts[:start] + parts[start + size :]
                attempts -= 1
                if still("".join(candidate)):
                    parts, smaller = candidate, True
                else:
                    start += size
            if not smaller:
                size //= 2
        text = "".join(parts)
    return text
