"""Names in many scripts, with now and then a character that YAML treats in a way of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

SCRIPTS: Final = {
    "Latin": "éßñøŁǆ",
    "Greek": "λΩς",
    "Cyrillic": "жЯё",
    "Georgian": "კა",
    "Hebrew": "שלום",
    "Arabic": "مرحبا",
    "Devanagari": "नमस्ते",
    "Thai": "ก็ไทย",
    "Kana": "かなカナ",
    "Han": "系统管理",
    "Hangul": "한국어",
    "emoji": "\U0001f600\U0001f469\u200d\U0001f4bb\u2764\ufe0f",
    "full width": "ａ１：＃",
    "mathematical": "\U0001d400\U0001d7d8",
    "letters that look like ASCII, or become it in lower case": "\u017f\u212a\u0130\u0131",
    "spaces": "\xa0\u1680\u2003\u202f\u3000",
    "without a width": "\u200b\u200e\u2060\u202e\xad",
    "private": "\ue000\U0010fffd",
    "noncharacters": "\ufdd0\U0001fffe\U0010ffff",
    "next to odd ones": "\u2027\u202a\ud7ff\ufefe\uff00\ufffd",
}
"""Characters that YAML allows in a value without quotes."""
ODD: Final = "\x7f\x80\x85\x9f\u2028\u2029\ufeff\ufffe\uffff"
"""Characters that YAML forbids, or that end a line, or that goyaml and libyaml treat differently."""
_WORD: Final = re.compile(r"(?<![/\w])(?:admin|build|view|été|développeurs|user|sso|nodes|masters)(?!\w)")


def word(random: Random) -> str:
    """Make a word in one of the scripts."""
    letters = random.choice(list(SCRIPTS.values()))
    made = "".join(random.choices(letters + "ab", k=random.choice((1, 1, 2, 4))))
    return made + random.choice(ODD) if random.random() < 0.01 else made


def in_scripts(random: Random, text: str) -> str:
    """Replace words in the values of a text by words in other scripts, except for principals."""
    text = re.sub("/(?:équipe|系统)", "/team", text)
    made = _WORD.sub(lambda match: word(random) if random.random() < 0.7 else match[0], text)
    if random.random() < 0.3:
        made = re.sub("#.*", lambda match: match[0] + word(random), made)
    return made
