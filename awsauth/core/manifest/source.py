"""The encoding of a manifest file: UTF-8, or UTF-16 with a byte order mark.

kubectl reads the same encodings, by the same marks (``go.yaml.in/yaml/v2`` ``readerc.go``).
"""

from __future__ import annotations

import enum
from typing import Final

from awsauth.core.text.lines import line_of
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
    nul = text.find("\0")
    if nul >= 0:
        byte = len(encoding.encode(text[:nul]))
        message = f"Byte {byte} of the file is a NUL: it is UTF-16 without a byte order mark, or not a text."
        raise manifest_error(message, text, nul, _AS_UTF8)
    # kubectl removes the LF and one CR of each line: YAML's two line breaks are one for kubectl.
    twice = text.find("\r\r\n")
    if twice >= 0:
        hint = "Convert the line ends to LF, such as with `sed -i 's/\\r*$//'`, and try again."
        raise manifest_error("The line ends in CR CR LF: its end was converted twice.", text, twice, hint)
    return text, encoding
