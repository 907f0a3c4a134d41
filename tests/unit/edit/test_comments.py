"""Comments and layout under edits, by example: what a careful person would have written."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, strategies as st

from awsauth.core.document.document import parse_list
from awsauth.core.document.model import MappingEntry
from awsauth.core.edit.rewrite import rewrite

NEW: Final = MappingEntry("z", "new", ("g",))
FRESH: Final = "- rolearn: z\n  username: new\n  groups:\n    - g\n"
A: Final = "- rolearn: a\n"
B: Final = "- rolearn: b\n"
C: Final = "- rolearn: c\n"
N: Final = "- rolearn: z\n  username: new\n  groups:\n    - g\n"
AROUND: Final = st.lists(
    st.sampled_from(["# c\n", "#\n", "  # deep\n", "      # - rolearn: old\n", "\n", "  \n"]), max_size=5
)
PRETTY: Final = '[\n  {\n    "rolearn": "a",\n    "groups": [\n      "x"\n    ]\n  }\n]\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(A, A + N, id="behind the last"),
        pytest.param(A + "\n" + B, A + "\n" + B + "\n" + N, id="blank line between"),
        pytest.param("# all\n" + A, "# all\n" + A + N, id="comment above"),
        pytest.param(A + "  # about a\n# - rolearn: old\n", A + "  # about a\n" + N + "# - rolearn: old\n", id="comments below"),
        pytest.param(A[:-1], A + N[:-1], id="no final newline"),
        pytest.param((A + B).replace("\n", "\r\n"), (A + B + N).replace("\n", "\r\n"), id="CRLF"),
        pytest.param("  - rolearn: a\n", "  - rolearn: a\n" + "".join(f"  {line}\n" for line in N.splitlines()), id="indented"),
        pytest.param("---\n" + A + "...\n", "---\n" + A + N + "...\n", id="document markers"),
        pytest.param(A + "---\nx\n", A + N + "---\nx\n", id="second document"),
        pytest.param("-   rolearn: a\n    groups: [x, w]\n", "-   rolearn: a\n    groups: [x, w]\n-   rolearn: z\n    groups: [g]\n    username: new\n", id="gap, order and brackets"),
        pytest.param("- 'rolearn': 'a'\n", "- 'rolearn': 'a'\n- 'rolearn': 'z'\n  'username': new\n  'groups':\n    - g\n", id="quoted keys"),
        pytest.param("- {rolearn: a, groups: [x]}\n", "- {rolearn: a, groups: [x]}\n- {rolearn: z, groups: [g], username: new}\n", id="flow entry in a block list"),
        pytest.param('[{"rolearn":"a"}]', '[{"rolearn":"a"},{"rolearn":"z","username":"new","groups":["g"]}]', id="compact JSON"),
        pytest.param('[{"rolearn": "a"}]', '[{"rolearn": "a"}, {"rolearn": "z", "username": "new", "groups": ["g"]}]', id="JSON with blanks"),
        pytest.param(PRETTY, PRETTY[:-3] + ',\n  {\n    "rolearn": "z",\n    "groups": [\n      "g"\n    ],\n    "username": "new"\n  }\n]\n', id="pretty JSON"),
        pytest.param("", FRESH, id="nothing"),
        pytest.param("[]", FRESH[:-1], id="empty list"),
        pytest.param("[]\n", FRESH, id="empty list, newline"),
        pytest.param("[] # none\n", "[{rolearn: z, username: new, groups: [g]}] # none\n", id="empty list, comment"),
        pytest.param("null\n", FRESH, id="null"),
        pytest.param("~\n", FRESH, id="tilde"),
        pytest.param('""', FRESH, id="quotes"),
        pytest.param("# none\n", "# none\n" + FRESH, id="comment alone"),
        pytest.param("---\n[]\n...\n", "---\n" + FRESH + "...\n", id="empty list between markers"),
    ],
)  # fmt: skip
def test_added(before: str, after: str) -> None:
    """A new entry comes last and looks like its neighbours."""
    assert rewrite(parse_list("mapRoles", before), {}, [NEW]).reading.text == after


@pytest.mark.parametrize(
    ("before", "index", "after"),
    [
        pytest.param(A + "# b\n" + B + "\n" + C, 1, A + "\n" + C, id="its comment goes"),
        pytest.param("# section\n" + A + B, 0, "# section\n" + B, id="the comment of a section stays"),
        pytest.param(A + "  # about a\n" + B, 0, B, id="indented comment below goes"),
        pytest.param("- rolearn: a # who\n" + B, 0, B, id="comment on its line goes"),
        pytest.param(A + B + "# - rolearn: old\n", 1, A + "# - rolearn: old\n", id="commented-out entry stays"),
        pytest.param("# managed\n\n" + A + "\n" + B, 0, "# managed\n\n" + B, id="header apart stays"),
        pytest.param(A + "\n" + B, 1, A, id="blank line before the last goes"),
        pytest.param((A + B)[:-1], 1, A[:-1], id="no final newline"),
        pytest.param((A + B).replace("\n", "\r\n"), 1, A.replace("\n", "\r\n"), id="CRLF"),
        pytest.param("# all\n\n  - rolearn: a\n", 0, "# all\n\n  []\n", id="the only one"),
        pytest.param(
            "# all\n  - rolearn: a\n# end\n", 0, "# all\n  []\n# end\n", id="the comment above the only one stays"
        ),
        pytest.param(
            "# all\n" + A + "    # end\n", 0, "# all\n[]\n    # end\n", id="the comment below the only one stays"
        ),
        pytest.param("- rolearn: a # who\n", 0, "[]\n", id="comment on the line of the only one goes"),
        pytest.param('[{"rolearn":"a"},{"rolearn":"b"}]', 0, '[{"rolearn":"b"}]', id="first of JSON"),
        pytest.param('[{"rolearn":"a"}, {"rolearn":"b"}]', 1, '[{"rolearn":"a"}]', id="last of JSON"),
        pytest.param(PRETTY, 0, "[]\n", id="the only one of pretty JSON"),
    ],
)
def test_removed(before: str, index: int, after: str) -> None:
    """What belongs to the entry goes with it, everything else stays."""
    assert rewrite(parse_list("mapRoles", before), {index: None}, []).reading.text == after


@given(
    AROUND,
    st.sampled_from(["", "[]\n", "  []\n", "---\n[]\n", "null\n", "[ ]\n"]),
    AROUND,
    st.sampled_from(["", "\n"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_added_to_nothing_and_removed_again_every_comment_is_left(
    above: list[str], nothing: str, below: list[str], cut_off: str, newline: str
) -> None:
    """A text without entries has its comments back; one that says `[]` comes back to the byte."""
    text = "".join([*above, nothing, *below]).removesuffix(cut_off).replace("\n", newline)
    added = rewrite(parse_list("mapRoles", text), {}, [NEW]).reading
    back = rewrite(added, {0: None}, []).reading.text
    if "[]" in nothing:
        assert back == text
    assert _comments(back) == _comments(text)


@pytest.mark.parametrize(
    ("before", "groups", "after"),
    [
        pytest.param(
            "  groups: # in\n  - x # one\n", ("x", "w"), "  groups: # in\n  - x # one\n  - w\n", id="behind a comment"
        ),
        pytest.param(
            "  groups: # in\n  - x # one\n  - w\n", ("w",), "  groups: # in\n  - w\n", id="taken with its comment"
        ),
        pytest.param("  groups: # in\n  - x\n", (), "  groups: [] # in\n", id="all taken"),
        pytest.param("  groups :\n  - x\n", (), "  groups : []\n", id="all taken, blank before the colon"),
        pytest.param("  groups: [ x, w ] # in\n", ("x",), "  groups: [ x ] # in\n", id="brackets"),
        pytest.param("  groups: [x]\n", ("x", "yes"), '  groups: [x, "yes"]\n', id="added in brackets"),
        pytest.param("  groups: []\n", ("x",), "  groups: [x]\n", id="into empty brackets"),
        pytest.param("  groups:\n", ("x",), "  groups: [x]\n", id="no value"),
        pytest.param("", ("x",), "  groups:\n    - x\n", id="no field"),
        pytest.param(
            "  groups:\n  - 12\n  - x\n",
            ("", "x", "w"),
            "  groups:\n  - 12\n  - x\n  - w\n",
            id="what is no text stays",
        ),
        pytest.param("  groups:\n  - 'x'\n", ("x", "w"), "  groups:\n  - 'x'\n  - 'w'\n", id="quotes of the neighbour"),
    ],
)
def test_groups(before: str, groups: tuple[str, ...], after: str) -> None:
    """Groups are added and taken where they stand."""
    reading = parse_list("mapRoles", A + before + B)
    assert rewrite(reading, {0: MappingEntry("a", "", groups)}, []).reading.text == A + after + B


def test_value_keeps_quotes_and_comment() -> None:
    """A username is replaced within its own quotes; a compact list in JSON stays one."""
    block = rewrite(parse_list("mapRoles", A + "  username: 'u' # who\n"), {0: MappingEntry("a", "it's")}, [])
    assert block.reading.text == A + "  username: 'it''s' # who\n"
    json = rewrite(parse_list("mapRoles", '[{"rolearn":"a","username":"u"}]'), {0: MappingEntry("a", "v")}, [])
    assert json.reading.text == '[{"rolearn":"a","username":"v"}]'


def test_list_in_lines_learns_nothing_from_json() -> None:
    """A new list in lines is written plainly, whatever the other key looks like."""
    sibling = parse_list("mapUsers", '[{"userarn":"a","username":"u","groups":["x"]}]')
    assert rewrite(parse_list("mapRoles", "[]\n"), {}, [NEW], sibling=sibling).reading.text == FRESH


def _comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if "#" in line]
