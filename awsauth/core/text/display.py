"""Show text so that it cannot control a terminal, shell, log or page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

# ``Default_Ignorable_Code_Point`` of Unicode 17.0. Source: ``DerivedCoreProperties.txt``.
_IGNORABLE: Final = (
    "\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)


# ``White_Space`` without the blank. Source: Unicode 17.0, ``PropList.txt``.
_SPACE: Final = "\t-\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


# Blanks of Braille, hieroglyphs, Khitan and music. Fonts draw nothing, although they have neither property.
_BLANK: Final = "\u2800\U00013441-\U00013442\U00016fe4\U0001d159"


_INVISIBLE: Final = f"[{_IGNORABLE}{_SPACE}{_BLANK}]"


# Visible characters that are special to the shell or to ``printf %b``.
_IN_OCTAL: Final = frozenset("'\\`!")


def visible(text: str, *, keep: str = "") -> str:
    r"""Escape invisible characters, and those that control a terminal.

    The result has ``\x1b`` or ``\u202e``, for example. These are control and format characters (bidirectional
    overrides, zero-width spaces), and white space other than the blank. They are also characters that fonts may ignore
    (variation selectors, fillers), lone surrogates, and private or unassigned characters. The characters in `keep`
    stay.
    """
    if text.isascii() and text.isprintable():
        return text
    rest = text
    for kept in keep:
        rest = rest.replace(kept, "")
    if rest.isprintable() and (rest.isascii() or not re.search(_INVISIBLE, rest)):
        return text
    odd = {c for c in set(text) if c not in keep and not is_visible(c)}
    return text.translate({ord(c): c.encode("unicode_escape").decode() for c in odd})


def is_visible(character: str) -> bool:
    """Whether people can see a character; the blank counts as visible."""
    return character.isprintable() and not re.match(_INVISIBLE, character)


def without_invisible(text: str) -> str:
    """Return a text without blanks and invisible characters."""
    if text.isascii() and text.isprintable():
        return text.replace(" ", "")
    return "".join([c for c in text if c != " " and is_visible(c)])


def quoted(text: str, limit: int = 80) -> str:
    """Return at most `limit` characters of `text`, visible and in backticks."""
    shown = visible(text[:limit])
    return f"`{shown}`" if len(text) <= limit else f"`{shown}…` ({len(text):,} characters)"


def quoted_value(value: object, limit: int = 80) -> str:
    """Return the `repr` of a value, quoted; its type if `repr` fails.

    It fails for a number with 5,000 digits, for example.
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a `__repr__` may raise anything
        text = f"<{type(value).__name__}>"
    return quoted(text, limit)


def listed(texts: Sequence[str], most: int, separator: str = ", ", last: str = " and ") -> str:
    """Return the first `most` texts and the count of others: ``A and 3 more``."""
    more = f"{last}{len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more


def name_in_words(text: str, show: Callable[[str], str]) -> str:
    """Return a username or group; `show` escapes it."""
    return show(text) if text else "(empty)"


def groups_in_words(groups: Sequence[str], show: Callable[[str], str]) -> str:
    """Return groups as text; `show` escapes each."""
    if not groups:
        return "no groups"
    return f"group{'s' if len(groups) > 1 else ''} {', '.join(name_in_words(group, show) for group in groups)}"


def double_quoted(text: str) -> str:
    """Return `text` visible and in double quotes; YAML and Python read it back."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"'


def command_line(*words: str) -> str:
    r"""Return a command to paste into a shell, with each word as exactly one argument.

    The line is visible and holds no backtick: ``printf`` makes all other characters from their octal codes. Only line
    breaks at the end of a word stay, in single quotes. The shell drops NUL, which no program can take.
    """
    return " ".join(map(_shell_word, words))


def _shell_word(word: str) -> str:
    if re.fullmatch(r"(?a)[\w@%+:,./-][\w@%+=:,./-]*", word):  # it needs no quotes in any shell
        return word
    body = word.rstrip("\n")  # A shell drops the line breaks at the end of an output.
    ends = f"'{word[len(body) :]}'" if body != word or not word else ""
    if not body:
        return ends
    if body == visible(body) and "`" not in body:
        return "'" + body.replace("'", "'\"'\"'") + "'" + ends
    return f"\"$(printf %b '{''.join(map(_in_octal, body))}')\"{ends}"


def _in_octal(character: str) -> str:
    if is_visible(character) and character not in _IN_OCTAL:
        return character
    # Python keeps a byte that is not UTF-8, as in a file name, as a surrogate.
    errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\0{byte:03o}" for byte in character.encode("utf-8", errors))


def code(text: str) -> str:
    """Return text as inline code of Markdown.

    The fence is longer than any run of backticks inside.
    """
    shown = visible(text)
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def fenced(text: str, language: str) -> str:
    """Return lines as a code block of Markdown."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text.removesuffix(chr(10))}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


class NotebookValue:
    """A value that notebooks show as a table, or as its `str`.

    Its `repr` is one line.
    """

    __slots__ = ()

    @property
    def _title(self) -> str:
        """The essentials, in a few words."""
        raise NotImplementedError

    @property
    def _rows(self) -> Sequence[Mapping[str, object]]:
        """The rows of the table: cells by column, the same columns in every row."""
        return ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {visible(self._title)}>"

    def _repr_html_(self) -> str:
        from html import escape  # only a notebook needs it

        def line(tag: str, cells: Iterable[object]) -> str:
            return f"<tr>{''.join(f'<{tag}>{escape(_cell(cell))}</{tag}>' for cell in cells)}</tr>"

        body = f"<pre>{escape(visible(str(self), keep=chr(10)))}</pre>"
        if rows := self._rows:
            body = f"<table>{line('th', rows[0])}{''.join(line('td', row.values()) for row in rows)}</table>"
        return f"<b>{escape(visible(self._title))}</b>{body}"


def _cell(value: object) -> str:
    return visible(", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value))
