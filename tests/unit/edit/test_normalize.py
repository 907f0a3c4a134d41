"""Texts become editable without a change of meaning, and comments stay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from awsauth.core.document.document import Document
from awsauth.core.edit.changes import EnsureRole
from awsauth.core.edit.merge import merge
from awsauth.core.edit.normalize import normalize
from awsauth.core.manifest.manifest import Manifest
from awsauth.errors import EditError, ManifestError
from tests.support.documents import generated, strategies
from tests.support.documents.mutations import mutated

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

ARN = "arn:aws:iam::111122223333:role"
ENSURE = EnsureRole(role_arn=f"{ARN}/a", username="a", groups=["x", "new"])

REFUSED = {
    "an anchor": f"- rolearn: {ARN}/a\n  username: a\n  groups: &g [x]\n- rolearn: {ARN}/b\n  groups: *g\n",
    "a folded value": f"# of ours\n- rolearn: >-\n    {ARN}/a\n  username: a\n  groups: !!seq [x] # why\n",
    "a list with an anchor": f"&l\n- rolearn: {ARN}/a\n  username: a\n  groups: [x]\n",
    "a tag": f"!!seq\n- rolearn: {ARN}/a\n  username: a\n  groups:\n  - x\n",
    "groups on several lines": f"- rolearn: {ARN}/a\n  username: a\n  groups: ['x',\n   # and\n   'y'\n  ]\n",
}
KEPT = {
    "plain": f"- rolearn: {ARN}/a  # why\n  username: a\n  groups:\n  - x\n",
    "in braces": f"- {{rolearn: {ARN}/a, username: a, groups: [x]}}\n",
    "unreadable": "- rolearn: [ \n",
    "white space in quotes": f'- rolearn: {ARN}/a\n  username: "a "\n',
    "nothing": "# none yet\n",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_an_edit_refuses_is_editable_afterwards(case: str) -> None:
    document = Document({"mapRoles": REFUSED[case]})
    after = merge(document, normalize(document))
    assert after.roles == document.roles
    merge(after, [ENSURE])
    assert [comment in after.data["mapRoles"] for comment in re.findall("# .*", REFUSED[case])].count(False) == 0
    if case != "groups on several lines":
        with pytest.raises(EditError):
            merge(document, [ENSURE])


@pytest.mark.parametrize("case", KEPT)
def test_what_is_editable_or_means_something_else_stays(case: str) -> None:
    assert normalize(Document({"mapRoles": KEPT[case]})) == ()


def test_white_space_at_the_end_of_lines_goes() -> None:
    document = Document({"mapRoles": KEPT["plain"].replace("\n", " \t\r\n")})
    assert merge(document, normalize(document)).data == {"mapRoles": KEPT["plain"]}


@given(
    st.one_of(
        strategies.randoms.map(generated.data),
        strategies.randoms.map(lambda r: {key: mutated(r, [text]) for key, text in generated.data(r).items()}),
    )
)
def test_the_meaning_stays_and_a_second_time_there_is_nothing_to_do(data: dict[str, str]) -> None:
    document = Document(data)
    after = merge(document, normalize(document))
    assert (after.roles, after.users, after.accounts) == (document.roles, document.users, document.accounts)
    assert [one.code for one in after.problems] == [one.code for one in document.problems]
    assert normalize(after) == ()


@given(strategies.randoms)
def test_values_of_several_lines_become_literal_blocks(random: Random) -> None:
    """Law: the data is the same, all of it can be edited afterwards, and a second time nothing changes."""
    texts = [text for text in generated.data(random).values() if text.replace("\n", "").isprintable() and text.strip()]
    values = [_in_quotes(text) if _ends_sooner(text) else random.choice((_folded, _in_quotes))(text) for text in texts]
    lines = "".join(f"  # of ours\n  map{number}: {value}\n" for number, value in enumerate(values))
    try:
        manifest = Manifest.parse(f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\ndata:\n{lines}")
    except ManifestError:
        return
    try:
        after = manifest.in_literal_blocks()
    except ManifestError as error:
        assert "template" in error.message
        return
    assert after.data == manifest.data
    assert after.text.count("# of ours") == manifest.text.count("# of ours")
    assert after.in_literal_blocks().text == after.text
    changed = {key: text + "# more\n" for key, text in after.data.items() if text.endswith("\n")}
    assert Manifest.parse(after.with_data({**after.data, **changed})).data == {**after.data, **changed}


def _folded(text: str) -> str:
    return ">\n" + "".join(f"    {line}\n\n" for line in text.split("\n") if line.strip())


def _ends_sooner(text: str) -> bool:
    """Whether a comment to the left of the first line ends a folded block, and would be text in a literal one."""
    first, *more = [line for line in text.split("\n") if line.strip()]
    return any(_indent(line) < _indent(first) and line.lstrip().startswith("#") for line in more)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n\\\n      \\").replace("\r", "\\r")
    return f'"{escaped}"'


def test_the_reported_value_becomes_a_literal_block(cases: Path) -> None:
    text = (cases / "05-trailing-space-quoted.yaml").read_text(encoding="utf-8")
    manifest = Manifest.parse(text).in_literal_blocks()
    document = Document(manifest.data)
    after = manifest.with_data(merge(document, normalize(document)).data)
    assert "  mapRoles: |\n    - rolearn: arn:aws:iam::111122223333:role/eksctl-demo" in after
    assert not re.search("[ \t]$", after, re.MULTILINE)
