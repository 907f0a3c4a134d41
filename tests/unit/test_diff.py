"""What a change does is said exactly: by mapping, in a text that `patch` takes, and without anything that acts."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

import awsauth
from awsauth.core.text.lines import Splice, spliced
from awsauth.core.text.unified_diff import unified

if TYPE_CHECKING:
    from pathlib import Path

NODE = "arn:aws:iam::111122223333:role/node"
CI = "arn:aws:iam::111122223333:role/ci"
BEFORE = awsauth.Document(
    {"mapRoles": f"- rolearn: {NODE}\n  username: node\n  groups:\n  - system:nodes\n", "mapUsers": "[]\n"}
)


def role(arn: str, username: str, *groups: str) -> awsauth.EnsureRole:
    return awsauth.EnsureRole(role_arn=arn, username=username, groups=groups, if_mapped="replace")


def applied(text: str, patch: str) -> str:
    """Apply a unified diff of one text by hand: strictly, every context line has to be there."""
    lines = text.split("\n")
    old = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    result: list[str] = []
    position = 0
    body = re.findall(r"^(?:@@ .*|[ +\-\\].*)\n", patch.split("\n", 2)[2], re.MULTILINE)
    for number, line in enumerate(body):
        bare = line[1:]
        if number + 1 < len(body) and body[number + 1].startswith("\\"):
            bare = bare.removesuffix("\n")
        if line.startswith("@@"):
            header = re.match(r"@@ -(\d+)(?:,(\d+))? ", line)
            assert header
            start = int(header[1]) - (header[2] != "0")
            result += old[position:start]
            position = start
        elif line[0] in " -":
            assert old[position] == bare
            result += [bare] if line[0] == " " else []
            position += 1
        elif line[0] == "+":
            result.append(bare)
    return "".join(result + old[position:])


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, list[Splice]]:
    text = draw(st.text(alphabet="ab\n", max_size=120))
    splices, position = [], 0
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(position, min(len(text), position + 30)))
        end = draw(st.integers(start, min(len(text), start + 8)))
        splices.append(Splice(start, end, draw(st.text(alphabet="xy\n", max_size=6))))
        position = min(len(text), end + 1)
        if position <= end:
            break
    return text, splices


@given(edits())
def test_the_diff_leads_from_one_text_to_the_other(edit: tuple[str, list[Splice]]) -> None:
    text, splices = edit
    after = spliced(text, splices)
    patch = unified("text", text, after)
    assert (patch == "") == (text == after)
    if patch:
        assert applied(text, patch) == after


@given(edits())
def test_around_the_changes_three_lines_are_shown_where_there_are_three(edit: tuple[str, list[Splice]]) -> None:
    text, splices = edit
    last = len(text.removesuffix("\n").split("\n")) if text else 0
    for hunk in re.split(r"^@@ -", unified("text", text, spliced(text, splices)), flags=re.MULTILINE)[1:]:
        heading, *body = hunk.splitlines()
        start, _, count = heading.partition(" ")[0].partition(",")
        above = len(list(takewhile(lambda line: line[:1] == " ", body)))
        below = len(list(takewhile(lambda line: line[:1] == " ", (line for line in body[::-1] if line[:1] != "\\"))))
        first, end = int(start) - (count != "0"), int(start) - (count != "0") + int(count or 1)
        assert (above, below) == (min(3, first + above), min(3, last - end + below))


@pytest.mark.parametrize("copies", [2, 3, 6])
def test_the_diff_of_an_edit_is_that_of_the_two_texts(copies: int) -> None:
    """The edit removes the first copies, and equal lines may stand for them."""
    others = "".join(f"- rolearn: {CI}{number}\n  username: ci\n" for number in range(3))
    before = awsauth.Document({"mapRoles": f"- rolearn: {CI}\n  username: ci\n" * copies + others})
    after = awsauth.merge(before, [awsauth.Deduplicate()])
    anew = awsauth.diff(awsauth.Document(before.data), awsauth.Document(after.data))
    assert awsauth.diff(before, after).texts == anew.texts


@pytest.mark.skipif(shutil.which("patch") is None, reason="no patch program here")
def test_patch_takes_the_diff(tmp_path: Path) -> None:
    after = awsauth.merge(BEFORE, [role(CI, "ci", "builders")])
    old = tmp_path / "mapRoles"
    old.write_text(BEFORE.data["mapRoles"], encoding="utf-8")
    subprocess.run(
        ["patch", "--fuzz=0", str(old)],  # noqa: S607
        input=awsauth.diff(BEFORE, after).texts["mapRoles"],
        text=True,
        check=True,
        capture_output=True,
    )
    assert old.read_text(encoding="utf-8") == after.data["mapRoles"]


def test_each_mapping_is_said_to_be_added_removed_or_changed() -> None:
    before = awsauth.merge(BEFORE, [role(CI, "ci", "builders"), awsauth.EnsureAccount(account="012345678901")])
    after = awsauth.merge(
        before,
        [
            awsauth.RemoveRole(role_arn=NODE),
            role(CI, "deployer", "deployers"),
            awsauth.EnsureUser(user_arn="arn:aws:iam::111122223333:user/alice", username="alice"),
            awsauth.RemoveAccount(account="012345678901"),
        ],
    )
    text = str(awsauth.diff(before, after))
    assert text.split("--- mapRoles", maxsplit=1)[0] == (
        f"- role {NODE}: username node, group system:nodes\n"
        f"~ role {CI}: username deployer, before ci\n"
        "    into group deployers\n"
        "    out of group builders\n"
        "+ user arn:aws:iam::111122223333:user/alice: username alice, no groups\n"
        "- account 012345678901\n"
    )


def test_the_winner_among_duplicates_is_what_counts() -> None:
    twice = awsauth.Document({"mapRoles": f"- rolearn: {CI}\n  username: old\n- rolearn: {CI}\n  username: new\n"})
    once = awsauth.merge(twice, [awsauth.Deduplicate()])
    (mapping,) = awsauth.diff(twice, once).mappings
    assert mapping.kind == "shadowed"
    assert "later one does: 0, before 1" in str(awsauth.diff(twice, once))


def test_nothing_from_a_document_acts_on_a_terminal_or_a_page() -> None:
    hostile = "\x1b[31mred\u202e`` <b>*x*"
    before = awsauth.Document({})
    after = awsauth.Document({"mapRoles": f'- rolearn: "{CI}"\n  username: "\\e[31mred\\u202e`` <b>*x*"\n'})
    assert after.roles[0].username == hostile
    difference = awsauth.diff(before, after)
    for shown in (str(difference), difference.markdown()):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "```\\x1b[31mred\\u202e`` <b>*x*```" in difference.markdown()


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    after = awsauth.Document({"mapRoles": "# ````\n"})
    assert "\n`````diff\n" in "\n" + awsauth.diff(awsauth.Document({}), after).markdown()


def test_equal_documents_have_no_difference() -> None:
    difference = awsauth.diff(BEFORE, awsauth.Document(dict(BEFORE.data)))
    assert not difference
    assert str(difference) == ""
    assert difference.markdown() == "No change.\n"


def test_a_key_that_comes_or_goes_is_shown() -> None:
    with_key = awsauth.Document({**BEFORE.data, "mapAccounts": ""})
    assert "mapAccounts" in str(awsauth.diff(BEFORE, with_key))
    assert "taken out" in str(awsauth.diff(with_key, BEFORE))


def test_json_holds_both_sides() -> None:
    after = awsauth.merge(BEFORE, [role(NODE, "node", "system:nodes", "more")])
    (mapping,) = awsauth.diff(BEFORE, after).to_json()["mappings"]
    assert mapping == {
        "key": "mapRoles",
        "principal": NODE,
        "kind": "changed",
        "before": [{"principal": NODE, "username": "node", "groups": ["system:nodes"], "sso": None}],
        "after": [{"principal": NODE, "username": "node", "groups": ["system:nodes", "more"], "sso": None}],
    }


_ENTRIES = st.lists(
    st.sampled_from(
        [
            ("mapRoles", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n"),
            (
                "mapRoles",
                "- rolearn: arn:aws:iam::111122223333:role/CI\n  username: admin\n  groups: [system:masters]\n",
            ),
            ("mapRoles", "- rolearn: arn:aws:iam::111122223333:role/path/ci\n  username: ci\n"),
            ("mapRoles", "- rolearn: arn:aws:iam::111122223333:user/u\n  username: '{{EC2PrivateDNSName}}'\n"),
            ("mapUsers", "- userarn: arn:aws:iam::111122223333:role/ci\n  username: other\n"),
            ("mapUsers", "- userarn: arn:aws:iam::111122223333:user/u\n  username: u\n"),
            ("mapAccounts", '- "111122223333"\n'),
        ]
    ),
    max_size=4,
)


def _document(entries: list[tuple[str, str]]) -> awsauth.Document:
    data: dict[str, str] = {}
    for key, text in entries:
        data[key] = data.get(key, "") + text
    return awsauth.Document(data)


@given(_ENTRIES, _ENTRIES)
def test_the_short_way_to_the_effects_says_what_the_long_one_does(
    before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    """Where one mapping changes and nothing else maps its principal, no effect is worked out."""
    difference = awsauth.diff(_document(before), _document(after))
    assert str(difference) == str(replace(difference, _decides_alone=None))
