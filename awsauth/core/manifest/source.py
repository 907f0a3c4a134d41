"""The bytes of a manifest file, and its text: UTF-8 with or without a byte order mark, UTF-16 with one.

kubectl reads the same encodings, told apart by the same marks (``go.yaml.in/yaml/v2`` ``readerc.go``).
"""

from __future__ import annotations

import enum
from typing import Final

from awsauth.core.text.lines import line_of
from awsauth.errors import ManifestError


def manifest_error(message: str, text: str, offset: int, hint: str) -> ManifestError:
    """Return the error for what stands at `offset` of a manifest's text; `message` is a sentence without its full stop."""
    return manifest_error_at(f"line {line_of(text, offset)}", message, hint)


def manifest_error_at(location: str, message: str, hint: str) -> ManifestError:
    """Return the error for a place that is named already, or for none."""
    return ManifestError(f"{message}; nothing was changed.", location=location, hint=hint)


_CURE: Final = "Save the file as UTF-8 and try again."


class Encoding(enum.Enum):
    """How a file's text is written in bytes: Python's name of the codec, and the byte order mark in front."""

    UTF8 = ("utf-8", b"")
    UTF8_MARKED = ("utf-8", b"\xef\xbb\xbf")
    UTF16_LE = ("utf-16-le", b"\xff\xfe")
    UTF16_BE = ("utf-16-be", b"\xfe\xff")

    @property
    def codec(self) -> str:
        """Python's name for the encoding."""
        return self.value[0]

    @property
    def mark(self) -> bytes:
        """The bytes before the text."""
        return self.value[1]

    def encode(self, text: str) -> bytes:
        """Return the bytes of a file with this text.

        Raises:
            ManifestError: the text holds half of a surrogate pair, which is no character.
        """
        try:
            return self.mark + text.encode(self.codec)
        except UnicodeEncodeError as error:
            message = f"The text holds U+{ord(text[error.start]):04X}, which is no character"
            raise manifest_error(message, text, error.start, "Remove it and try again.") from error


def decode_manifest(raw: bytes) -> tuple[str, Encoding]:
    """Return the text of a file, without its byte order mark, and how it was encoded.

    ``encoding.encode(text)`` gives exactly `raw` again.

    Raises:
        ManifestError: the bytes are not text in the encoding that they begin with, or kubectl takes its lines for others.
    """
    encoding = next((e for e in Encoding if e.mark and raw.startswith(e.mark)), Encoding.UTF8)
    body = raw[len(encoding.mark) :]
    try:
        text = body.decode(encoding.codec)
    except UnicodeDecodeError as error:
        before = body[: error.start].decode(encoding.codec)
        name = encoding.codec[:6].upper().rstrip("-")
        message = (
            f"The file is not {name} text: byte {error.start + len(encoding.mark)} cannot be read ({error.reason})"
        )
        raise manifest_error(message, before, len(before), _CURE) from error
    nul = text.find("\0")
    if nul >= 0:
        byte = len(encoding.encode(text[:nul]))
        message = f"The file holds a NUL, at byte {byte}: it is UTF-16 without a byte order mark, or no text at all"
        raise manifest_error(message, text, nul, _CURE)
    # kubectl takes the LF and one CR off each line: what YAML takes for two line breaks is one to it.
    twice = text.find("\r\r\n")
    if twice >= 0:
        message = "The line ends in CR CR LF: the line ends were converted twice"
        raise manifest_error(
            message, text, twice, "Convert them to LF, such as with `sed -i 's/\\r*$//'`, and try again."
        )
    return text, encoding
