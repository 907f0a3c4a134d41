"""Scalars: written so that they mean what they should, without quotes where YAML 1.1 needs none."""

from __future__ import annotations

import json
from typing import Final

import pytest
import yaml
from hypothesis import assume, given, strategies as st

from awsauth.core.goyaml.scalars import WORDS, Style, check_text, plain_type, write_scalar
from awsauth.core.text.display import quoted
from awsauth.errors import InvalidValueError
from tests.support.documents.scalars import PIECES, STYLES, is_writable
from tests.support.documents.strategies import examples

TEXTS: Final = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join),
    st.text(min_size=1),
    st.sampled_from(sorted(WORDS)),
    st.from_regex(r"\A[-+]?[0-9._:xobeE]{1,8}\Z"),
)


@examples(200)
@given(TEXTS, st.sampled_from(STYLES))
def test_reads_back_in_a_block(text: str, style: Style) -> None:
    """As a value and as an item, alone on its line and with a comment behind it."""
    assume(is_writable(text))
    written = write_scalar(text, style)
    assert yaml.load(f"a: {written}\nb:\n- {written} # c\n- {written}", Loader=yaml.CSafeLoader) == {
        "a": text,
        "b": [text, text],
    }


@examples(200)
@given(TEXTS, st.sampled_from(STYLES))
def test_reads_back_in_brackets(text: str, style: Style) -> None:
    """Between commas, brackets and braces."""
    assume(is_writable(text))
    written = write_scalar(text, style, flow=True)
    assert yaml.load(f"[{written}, {{a: {written}}}, {written}]", Loader=yaml.CSafeLoader) == [text, {"a": text}, text]


@pytest.mark.parametrize(
    "text",
    [
        "admin", "system:masters", "system:node:{{EC2PrivateDNSName}}", "admin:{{SessionName}}", "user@example.com",
        "arn:aws:iam::111122223333:role/ci", "${user}", "<name>", "a b", "v1.2", "x#y", "yes-man", "nobody", "it's",
        'say "x"', "a\\b", "/path", "(a)",
    ],
)  # fmt: skip
def test_stays_plain(text: str) -> None:
    """What nobody would quote is not quoted."""
    assert write_scalar(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "yes", "No", "on", "y", "TRUE", "null", "~", "12", "012345678901", "0x1F", "0b1", "0o17", "1_000", "1e3", "0E_0", "1_e5", "+1", ".5",
        "-.5", ".inf", "2001-01-01", "190:20:30", "{{SessionName}}", "a: b", "a:", "#x", "a #b", "- a", "-", "---", "...",
        "*", "&a", "!x", "|", ">", "%x", "@x", "`x`", "? a", "[a", "'a", '"a', "<<", "=", "", " a", "a ", "é", "a  b",
    ],
)  # fmt: skip
def test_is_quoted(text: str) -> None:
    """What is something else to YAML 1.1, or to a reader of it, or only looks so; all within one pair of quotes."""
    assert write_scalar(text)[0] in "\"'"
    assert write_scalar(text)[0] == write_scalar(text)[-1]


@pytest.mark.parametrize("text", ["a,b", "[x]", "x{y", "x]"])
def test_is_quoted_in_brackets_only(text: str) -> None:
    """Commas and brackets mean something only there."""
    assert write_scalar(f"z{text}") == f"z{text}"
    assert write_scalar(f"z{text}", flow=True) == f'"z{text}"'


@examples(400)
@given(TEXTS)
def test_plain_is_text_to_goyaml(text: str) -> None:
    """Nothing is left without quotes that goyaml resolves to another type."""
    if is_writable(text) and write_scalar(text) == text:
        assert plain_type(text) == "string"


@examples(200)
@given(TEXTS.filter(is_writable))
def test_double_quotes_are_json(text: str) -> None:
    """So that a list in JSON stays one."""
    assert json.loads(write_scalar(text, "double", flow=True)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        (" a", "begins or ends with white space"),
        ("a\n", "begins or ends with white space"),
        ("a\u00a0", "begins or ends with white space"),
        ("a\nb", r"U\+000A at position 2"),
        ("a\r\nb", r"U\+000D at position 2"),
        ("a\tb", r"U\+0009"),
        ("\0", r"U\+0000 at position 1"),
        ("a\x1b[31mb", r"U\+001B"),
        ("a\x7fb", r"U\+007F"),
        ("a\x85b", r"U\+0085"),
        ("a\u2028b", r"U\+2028"),
        ("a\u202eb", r"U\+202E"),
        ("a\u200bb", r"U\+200B"),
        ("\ufeffa", r"U\+FEFF"),
        ("a\ud800b", r"U\+D800"),
        ("a\uffffb", r"U\+FFFF"),
        ("a\ue000b", r"U\+E000"),
    ],
)
def test_what_may_not_be_written(text: str, why: str) -> None:
    """Control and format characters, line breaks, half surrogates: refused by code and position."""
    with pytest.raises(InvalidValueError, match=f"^The group.*{why}"):
        check_text("the group", text)


@given(st.text())
def test_a_refusal_shows_nothing_that_steers_a_terminal(text: str) -> None:
    """The message holds the text only in its visible form."""
    try:
        check_text("the group", text)
    except InvalidValueError as error:
        assert all(
            character.isprintable() or character in "\n\u00a0\u3000" or character.isspace() for character in str(error)
        )
        assert not text or quoted(text) in str(error)
