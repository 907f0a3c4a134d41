"""The source of a manifest: its encoding, and templates of other tools.

The encoding is UTF-8, or UTF-16 with a byte order mark. kubectl reads the same encodings, by the same marks
(``go.yaml.in/yaml/v2`` ``readerc.go``).

Templates are Helm and Jinja actions, and ``${VAR}`` of Kustomize, Flux, Terraform and envsubst. Their values are
unknown, so no edit may touch one. The authenticator's own templates (``{{SessionName}}``, aws-iam-authenticator
``pkg/server``) look alike; here they are plain text.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from awsauth.core.document.authenticator import TEMPLATES
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import Splice, line_end, line_of, line_start
from awsauth.errors import ManifestError


def manifest_error(message: str, text: str, offset: int, hint: str) -> ManifestError:
    """Return an error at `offset` of a manifest's text."""
    return ManifestError(message, location=f"line {line_of(text, offset)}", hint=hint)


_AS_UTF8: Final = "Save the file as UTF-8 and try again."


class Encoding(enum.Enum):
    """The encoding of a file: Python's name of the codec, and the byte order mark."""

    UTF8 = ("utf-8", b"")
    UTF8_MARKED = ("utf-8", b"\xef\xbb\xbf")
    UTF16_LE = ("utf-16-le", b"\xff\xfe")
    UTF16_BE = ("utf-16-be", b"\xfe\xff")

    def __init__(self, codec: str, mark: bytes) -> None:
        self.codec = codec
        self.mark = mark

    def encode(self, text: str) -> bytes:
        """Return the bytes of a file with this text.

        Raises:
            ManifestError: the text holds half of a surrogate pair.
        """
        try:
            return self.mark + text.encode(self.codec)
        except UnicodeEncodeError as error:
            message = f"The text holds half of a surrogate pair, U+{ord(text[error.start]):04X}."
            raise manifest_error(message, text, error.start, "Remove the character and try again.") from error


def decode_manifest(raw: bytes) -> tuple[str, Encoding]:
    """Return the text of a file, without its byte order mark, and its encoding.

    ``encoding.encode(text)`` gives exactly `raw` again.

    Raises:
        ManifestError: the bytes are not text in that encoding, or kubectl splits the text into other lines.
    """
    encoding = next((e for e in Encoding if e.mark and raw.startswith(e.mark)), Encoding.UTF8)
    body = raw[len(encoding.mark) :]
    try:
        text = body.decode(encoding.codec)
    except UnicodeDecodeError as error:
        before = body[: error.start].decode(encoding.codec)
        name = encoding.codec[:6].upper().rstrip("-")
        message = f"Byte {error.start + len(encoding.mark)} of the file is not {name} text ({error.reason})."
        raise manifest_error(message, before, len(before), _AS_UTF8) from error
    if (nul := text.find("\0")) >= 0:
        byte = len(encoding.encode(text[:nul]))
        message = f"Byte {byte} of the file is a NUL: it is UTF-16 without a byte order mark, or not a text."
        raise manifest_error(message, text, nul, _AS_UTF8)
    # kubectl removes the LF and one CR of each line: YAML's two line breaks are one for kubectl.
    if (twice := text.find("\r\r\n")) >= 0:
        hint = "Convert the line ends to LF, such as with `sed -i 's/\\r*$//'`, and try again."
        raise manifest_error("The line ends in CR CR LF: its end was converted twice.", text, twice, hint)
    return text, encoding


# It begins with a brace, because a search for a certain character is ten times as fast.
_OPENING: Final = re.compile(rf"\{{(?:(?<=[$%]\{{)|\{{(?!(?:{'|'.join(TEMPLATES)})\}}\}})|%)")
_CLOSING: Final = {"{": "}", "{{": "}}", "{%": "%}"}
_CONTROL: Final = r"\{[{%][-+]?\s*(?:if|for|range|with|define|block|macro|call|filter|raw|(?P<end>end\w*))\b"
# For each tool the pattern of its templates, and the check of a rendered text.
_TOOLS: Final = (
    (r"\{\{-? {0,9}(?:\w+ ){0,3}(?:[.$\"]|end\b)", "Helm", "helm template . | awsauth check --file -"),
    (r"\{[{%]", "Jinja", "jinja2 FILE VALUES | awsauth check --file -"),
    (r"\$\{AWS::", "CloudFormation", "awsauth check --cluster NAME"),
    (r"\$\w|\$\{[A-Z_][A-Z0-9_]{0,99}[:}]", "the shell", "envsubst < FILE | awsauth check --file -"),
    ("", "Terraform", "terraform output -raw OUTPUT | awsauth check --file -"),
)
_BY_HAND: Final = "Change the template by hand, or its values, or give the rendered manifest instead."


def template_spans(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield the span of each template between `start` and `end`.

    One without an end goes up to `end`.
    """
    end = len(text) if end is None else end
    while match := _OPENING.search(text, start, end):
        closing = _CLOSING[match.group()]
        found = text.find(closing, match.end(), end)
        start = end if found < 0 else found + len(closing)
        yield match.start() - (closing == "}"), start


def template_tool(text: str) -> tuple[str, str]:
    """Return the tool that renders a text, and the check of the rendered text."""
    return next((tool, command) for pattern, tool, command in _TOOLS if re.search(pattern, text))


def is_template_line(line: str) -> bool:
    """Whether a line consists of template actions.

    It is a control line, or one that inserts lines.
    """
    holds_one = _OPENING.search(line) is not None
    return holds_one and re.fullmatch(r"[\s#]*(?:\{\{.*\}\}|\{%.*%\}|%\{.*\})\s*", line) is not None


def check_templates(text: str, splices: list[Splice], start: int) -> None:
    """Refuse splices that touch a template.

    Args:
        text: The outer text.
        splices: The splices, in order.
        start: Where the value that they change begins: other values may be on its line.

    Raises:
        ManifestError: a splice changes a template, is next to a template line, or is in a template's block.
    """
    if not splices:
        return
    waiting = iter(splices)
    splice = next(waiting, None)
    start = max(line_start(text, splices[0].start), min(start, splices[0].start))
    for opening, closing in template_spans(text, start, line_end(text, splices[-1].end)):
        while splice is not None and splice.end <= opening:
            splice = next(waiting, None)
        if splice is not None and splice.start < closing:
            template = quoted(text[opening:closing])
            raise manifest_error(f"The edit changes the template {template}.", text, opening, _BY_HAND)
    for at in [splice.start for splice in splices if splice.start == splice.end == line_start(text, splice.end)]:
        for start, end in ((line_start(text, max(at - 1, 0)), at), (at, line_end(text, at))):
            if is_template_line(text[start:end]):
                message = f"The edit is next to the template line {quoted(text[start:end].strip())}."
                raise manifest_error(message, text, start, _BY_HAND)
    _check_enclosing(text, splices)


def _check_enclosing(text: str, splices: list[Splice]) -> None:
    """Refuse a place between ``{{ if }}`` and ``{{ end }}``.

    Its text may never be rendered.
    """
    blocks = _blocks(text)
    starts = [start for start, _ in blocks]
    for splice in splices if blocks else ():
        number = bisect_left(starts, splice.start) - 1
        if number >= 0 and splice.start <= blocks[number][1]:
            line = text[line_start(text, starts[number]) : line_end(text, starts[number])]
            message = f"The edit is in the template block that begins with {quoted(line.strip())}."
            raise manifest_error(message, text, starts[number], _BY_HAND)


def _blocks(text: str) -> list[tuple[int, int]]:
    """Return the spans of the outermost template blocks.

    One without an end goes up to the last line.
    """
    blocks = []
    opened: list[int] = []
    for match in re.finditer(_CONTROL, text):
        if not match["end"]:
            opened.append(match.start())
        elif opened:
            start = opened.pop()
            if not opened:
                blocks.append((start, match.start()))
    return blocks if not opened else [*blocks, (opened[0], len(text))]
