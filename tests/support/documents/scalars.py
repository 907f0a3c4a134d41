"""Texts that are hard to write as a YAML 1.1 scalar."""

from __future__ import annotations

from typing import Final, get_args

from awsauth.core.goyaml.scalars import Style, check_text
from awsauth.errors import InvalidValueError

STYLES: Final[tuple[Style, ...]] = get_args(Style)
PIECES: Final = (
    *("yes", "No", "null", "~", "012", "0x1F", "1e3", "1_0", ".5", ".inf", "2001-01-01", "190:20:30", "=", "<<", "e"),
    *(
        ": ",
        " #",
        "#",
        ":",
        "- ",
        "-",
        "? ",
        "{{SessionName}}",
        "${x}",
        "<x>",
        "[",
        "]",
        ",",
        "@",
        "`",
        "%",
        "!",
        "&",
        "*",
    ),
    *("'", '"', "\\", "\\n", "a", "B", "é", "系", "\U0001f600", " ", "  ", "/", "=", "+", "--", "...", "|", ">"),
)


def is_writable(text: str) -> bool:
    """Whether a text may stand in a document at all."""
    try:
        check_text("the text", text)
    except InvalidValueError:
        return False
    return True
