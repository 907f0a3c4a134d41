"""What counts as visible, by Unicode's own properties, and what is shown of the rest."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, strategies as st

import awsauth
from awsauth.core.goyaml.scalars import check_text
from awsauth.core.text.display import double_quoted, is_visible, quoted, visible, without_invisible
from awsauth.errors import InvalidValueError
from tests.support.command_line import ROLE, manifest_in, run

if TYPE_CHECKING:
    from pathlib import Path

CHARACTERS: Final = [chr(code) for code in range(sys.maxunicode + 1)]

INVISIBLE: Final = {
    "soft hyphen": "\u00ad",
    "no-break space": "\u00a0",
    "combining grapheme joiner": "\u034f",
    "Hangul choseong filler": "\u115f",
    "Khmer inherent vowel": "\u17b4",
    "Mongolian variation selector": "\u180b",
    "em space": "\u2003",
    "zero-width space": "\u200b",
    "right-to-left override": "\u202e",
    "word joiner": "\u2060",
    "blank of Braille": "\u2800",
    "ideographic space": "\u3000",
    "Hangul filler": "\u3164",
    "variation selector 16": "\ufe0f",
    "halfwidth Hangul filler": "\uffa0",
    "null notehead": "\U0001d159",
    "tag": "\U000e0041",
    "variation selector 256": "\U000e01ef",
    "private use": "\ue000",
}


def test_all_white_space_but_the_blank_is_invisible() -> None:
    """White_Space: the separators, and the control characters that move the cursor."""
    spaces = {c for c in CHARACTERS if unicodedata.category(c) in ("Zs", "Zl", "Zp")} | set("\t\n\x0b\x0c\r\x85")
    assert {c for c in spaces if is_visible(c)} == {" "}


def test_all_that_fonts_may_ignore_is_invisible() -> None:
    """Default_Ignorable_Code_Point: format characters, variation selectors and fillers, as far as Python knows names."""
    named = ("VARIATION SELECTOR", "GRAPHEME JOINER", "HANGUL FILLER", "SEONG FILLER", "VOWEL INHERENT", "ZERO WIDTH")
    ignored = [c for c in CHARACTERS if (name := unicodedata.name(c, "")) and any(part in name for part in named)]
    formats = [c for c in CHARACTERS if unicodedata.category(c) in ("Cf", "Cc", "Cs", "Co", "Cn")]
    assert len(ignored) > 256
    assert not [c for c in (*ignored, *formats) if is_visible(c)]


def test_all_letters_digits_marks_and_signs_but_the_named_ones_are_visible() -> None:
    """Nothing else is refused: of what can be printed, these are all that are not shown."""
    hidden = [c for c in CHARACTERS if c.isprintable() and not is_visible(c) and ord(c) < 0xE0000]
    others = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00013441\U00013442\U00016fe4\U0001d159"
    assert set(hidden) <= {*others, *map(chr, range(0xFE00, 0xFE10))}
    assert all(is_visible(c) for c in "aZ0 é ß Ω ж 系 カ 한 א ع ไ ้ अ ा ́ € 😀 _-./:@{}\\'\"`")


@pytest.mark.parametrize("character", INVISIBLE.values(), ids=INVISIBLE)
def test_an_invisible_character_is_refused_and_shown_escaped(character: str) -> None:
    name = f"ad{character}min"
    with pytest.raises(InvalidValueError, match=rf"holds the character U\+{ord(character):04X} at position 3"):
        awsauth.EnsureRole(role_arn=ROLE, username=name)
    with pytest.raises(InvalidValueError, match=rf"U\+{ord(character):04X}"):
        awsauth.EnsureRole(role_arn=ROLE, username="admin", groups=[name])
    assert character not in quoted(name)
    assert visible(name) == name.encode("unicode_escape").decode()
    assert without_invisible(f" {name} ") == "admin"


@pytest.mark.parametrize("character", INVISIBLE.values(), ids=INVISIBLE)
def test_an_invisible_character_is_read_found_shown_and_removed(character: str, tmp_path: Path) -> None:
    name = f"ad{character}min"
    path = manifest_in(tmp_path, mapRoles=f'- rolearn: {ROLE}\n  username: "{visible(name)}"\n  groups: [b]\n')
    document = awsauth.AwsAuthClient.from_file(path).read()
    assert [mapped.username for mapped in document.reading("mapRoles").mapped] == [name]
    assert "invisible-character" in [finding.code for finding in awsauth.lint(document)]
    shown = str(run("get", "--file", str(path)))
    assert visible(name) in shown
    assert character not in shown
    assert run("remove", "--username", name, "--file", str(path), "--yes").code == 0


@pytest.mark.parametrize("name", ["José", "Zoë", "系統管理", "администратор", "مدير", "ผู้ดูแล", "प्रशासक", "관리자", "😀"])
def test_letters_of_all_scripts_are_fine(name: str) -> None:
    assert awsauth.EnsureRole(role_arn=ROLE, username=name, groups=[name]).username == name
    assert visible(name) == name
    document = awsauth.Document({"mapRoles": f"- rolearn: {ROLE}\n  username: {name}\n  groups: [b]\n"})
    assert "invisible-character" not in [finding.code for finding in awsauth.lint(document)]


@given(st.text())
def test_what_is_shown_is_visible_and_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert all(map(is_visible, shown))
    assert visible(shown) == shown
    assert visible(text, keep="\n\t").replace("\n", r"\n").replace("\t", r"\t") == shown
    if text == shown and text == text.strip() and text:
        check_text("the group", text)


@given(st.text())
def test_python_reads_double_quotes_back(text: str) -> None:
    assert eval(double_quoted(text), {}) == text  # noqa: S307 - that is what it is for
