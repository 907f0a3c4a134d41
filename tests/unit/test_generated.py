"""The generators make what they are there to make."""

from __future__ import annotations

import re
from random import Random
from typing import Final

import pytest
from hypothesis import given

from tests.support.documents import generated
from tests.support.documents.mutations import mutated
from tests.support.documents.strategies import broken_texts, documents, examples, texts

_SHAPES: Final = {
    "list at column 0": r"\A- rolearn: \S",
    "list indented": r"(?m)^(?:  |    )- rolearn: ",
    "groups first, at the column of their key": r"(?m)^- groups:\n  - \S",
    "groups indented": r"(?m)^  groups:\n    - \S",
    "two spaces after the dash": r"(?m)^-  (?=\S)",
    "quoted keys": r"\"rolearn\": ",
    "quoted values": r"rolearn: \"arn:",
    "single quotes": r"rolearn: 'arn:",
    "groups in brackets": r"groups: \[\s*\S+, ",
    "entries in braces": r"(?m)^- \{",
    "list in brackets": r"\A\[\s*\{",
    "JSON on one line": r'\A\[\{"rolearn":"',
    "JSON indented": r'\A\[\n  \{\n    "rolearn": ',
    "comment before": r"\A#",
    "comment line between": r"(?m)^ *# - rolearn",
    "comment at the end of a line": r"\S +# nodes",
    "blank line": r"\n\n *- ",
    "line of spaces": r"\n +\n",
    "space before the colon": r"username : ",
    "space at the end of a line": r"\S \n",
    "CRLF": r"\r\n",
    "no final newline": r"[^\n]\Z",
    "leading newline": r"\A\n",
    "byte order mark": "\\A\ufeff",
    "document marker": r"\A---\n",
    "end marker": r"(?m)^\.\.\.$",
    "second document": r"(?m)(?<=\n)---$",
    "anchor": r"- +&base",
    "merge key": r"<<: \*base",
    "list of merges": r"<<: \[\*base\]",
    "repeated key": r"(?m)^( +)username: .*\n(?:\1.*\n)*?\1username: ",
    "camel-case keys": r"roleARN: ",
    "sso": r"sso:\n +permissionSetName: ",
    "unknown key": r"owner: team-a",
    "template unquoted": r"username: system:node:\{\{EC2PrivateDNSName\}\}",
    "template quoted": r"username: [\"']\{\{SessionName\}\}",
    "digits unquoted": r"username: 123\b",
    "yes unquoted": r"username: yes\b",
    "null": r"username: (?:~|null)",
    "list for a text": r"username: \[",
    "text for a list": r"groups: (?:yes|12)",
    "literal scalar": r": \|\n +two\n",
    "folded scalar": r": >-\n +folded\n",
    "tag": r"!!str ",
    "not ASCII": r"[à-ü]",
    "empty list": r"\A\[\]\n?\Z",
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_shape_turns_up(shape: str) -> None:
    """Each shape is among the first 5,000 texts of any seed."""
    random = Random(shape)
    assert any(re.search(_SHAPES[shape], generated.text(random, "mapRoles")) for _ in range(5000))


@pytest.mark.parametrize(
    "shape", [r"(?m)^- \d{12}$", r"- \"\d{12}\"", r"- '\d{12}'", r'\A\["\d', r"\A\[\s*\d{12}", r"- yes", r"- \[a, b\]"]
)
def test_account_shape_turns_up(shape: str) -> None:
    """Accounts come quoted or not, in block and flow lists, and with values of other types among them."""
    random = Random(shape)
    assert any(re.search(shape, generated.text(random, "mapAccounts")) for _ in range(5000))


def test_same_seed_makes_the_same_texts() -> None:
    """What a seed found can be found again."""

    def some(seed: int) -> list[str]:
        random = Random(seed)
        return [mutated(random, [generated.text(random, key) for key in generated.KEYS]) for _ in range(300)]

    assert some(7) == some(7)
    assert some(7) != some(8)


@examples(50)
@given(documents, texts("mapUsers"), broken_texts("mapRoles"))
def test_texts_could_be_in_a_configmap(data: dict[str, str], text: str, broken: str) -> None:
    """Every text is Unicode that UTF-8 can hold."""
    for made in (*data.values(), text, broken):
        assert made.encode().decode() == made
