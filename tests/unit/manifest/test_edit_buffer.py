"""What is put before somebody in an editor says all, comes back as it was, and is found fault with at the right lines."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from awsauth.core.document.document import Document
from awsauth.core.edit.changes import ReplaceText
from awsauth.core.manifest.edit_buffer import BufferProblem, from_buffer, to_buffer, with_marks, without_marks
from awsauth.core.manifest.locate import origins
from awsauth.core.manifest.manifest import Manifest
from awsauth.errors import EditError

ROLE = "arn:aws:iam::111122223333:role/ci"
TEXT = f"- rolearn: {ROLE}\n  username: ci\n"
BOTH = Document({"mapRoles": TEXT, "mapUsers": "[]", "other": "x"})


@given(
    st.dictionaries(
        st.sampled_from(["mapRoles", "mapUsers", "mapAccounts"]),
        st.text(st.sampled_from(" \n\t#-:'\"|aé{}[]"), max_size=30),
    )
)
def test_what_nobody_touches_changes_nothing(data: dict[str, str]) -> None:
    document = Document(data)
    assert from_buffer(to_buffer(document), document) == ((), ())


def test_only_what_was_changed_is() -> None:
    changes, complaints = from_buffer(to_buffer(BOTH).replace("username: ci", "username: other"), BOTH)
    assert changes == (ReplaceText(key="mapRoles", text=TEXT.replace(" ci", " other")),)
    assert complaints == ()
    taken_out, _ = from_buffer(to_buffer(BOTH).replace("  mapUsers: '[]'\n", ""), BOTH)
    assert taken_out == (ReplaceText(key="mapUsers", text=None),)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("username: ci", "username: yes", 9, "wrong-type"),
        (f"- rolearn: {ROLE}", "- rolearn: [", 9, "unreadable"),
        ("mapUsers:", "mapuser:", 10, "`mapuser` cannot be edited here"),
        ("\ndata:", "\ndata: x", 7, "not YAML"),
        ("kind: ConfigMap", "kind: Secret", 0, "reads only a ConfigMap"),
    ],
)
def test_faults_are_found_at_their_lines(old: str, new: str, line: int, said: str) -> None:
    sheet = to_buffer(BOTH).replace(old, new)
    _, complaints = from_buffer(sheet, BOTH)
    assert said in complaints[0].text
    assert complaints[0].line == line or line == 0
    marked = with_marks(sheet, complaints)
    assert without_marks(marked) == sheet
    assert from_buffer(marked, BOTH) == from_buffer(sheet, BOTH)
    if line:
        assert marked.splitlines()[line - 1].startswith("#! ")


def test_a_complaint_cannot_become_text() -> None:
    marked = with_marks("a: b\n", [BufferProblem(1, "one\ntwo\x1b[2J"), BufferProblem(99, "behind the end")])
    assert without_marks(marked) == "a: b\n"
    assert "\x1b" not in marked


@given(st.text(st.sampled_from("#- a\n"), max_size=20), st.text(st.sampled_from("#- a\n"), max_size=20))
def test_lines_made_on_windows_are_edited_and_keep_their_ends(before: str, after: str) -> None:
    document = Document({"mapRoles": before.replace("\n", "\r\n"), "mapUsers": "[]\n"})
    sheet = to_buffer(document)
    assert "\r" not in sheet
    assert from_buffer(sheet, document) == ((), ())
    edited = Manifest.parse(sheet).with_data({"mapRoles": after, "mapUsers": "[]\n"})
    wanted = after.replace("\n", "\r\n") if "\n" in before else after
    changes, _ = from_buffer(edited, document)
    assert changes == (() if wanted == document.data["mapRoles"] else (ReplaceText(key="mapRoles", text=wanted),))


@pytest.mark.parametrize("text", ["# c\r- a\n", "- a\x85\n", "- \u2028\n", "- a\r\n- b\n", "\ufeff- a\n", "- \x1b\n"])
def test_what_no_editor_shows_is_named_with_its_key_and_place(text: str) -> None:
    with pytest.raises(EditError, match=r"mapUsers holds `.+`, which an editor may") as refused:
        to_buffer(Document({"mapRoles": "[]\n", "mapUsers": text}))
    assert refused.value.location.startswith("mapUsers line 1, column ")
    assert "mapUsers" in refused.value.hint


@given(
    st.dictionaries(
        st.sampled_from(["mapRoles", "mapUsers"]),
        st.lists(st.sampled_from(["#! ours", "  #!", "#!/bin/sh", "# c", "- x", "", " "]), max_size=6).map("\n".join),
        min_size=1,
    ),
    st.lists(st.builds(BufferProblem, st.integers(0, 20), st.just("one\ntwo")), max_size=3),
)
def test_no_line_of_the_document_is_taken_for_a_complaint(
    data: dict[str, str], complaints: list[BufferProblem]
) -> None:
    document = Document(data)
    sheet = to_buffer(document)
    marked = with_marks(with_marks(sheet, complaints), complaints)
    assert without_marks(marked) == without_marks(sheet) == sheet
    assert from_buffer(marked, document) == ((), ())


@pytest.mark.parametrize(
    ("manifest", "at"),
    [
        (
            "metadata: {name: aws-auth}\nkind: ConfigMap\ndata:\n  mapRoles: |\n      - rolearn: x\n        username: yes\n",
            (6, 19),
        ),
        (
            "metadata: {name: aws-auth}\nkind: ConfigMap\ndata:\n  mapRoles: |2\n    - rolearn: x\n      username: yes\n",
            (6, 17),
        ),
        (
            'metadata: {name: aws-auth}\nkind: ConfigMap\ndata:\n  mapRoles: "- rolearn: x\\n  username: yes\\n"\n',
            (4, 3),
        ),
        (
            '{"kind": "ConfigMap", "metadata": {"name": "aws-auth"},\n "data": {"mapRoles": "- rolearn: x\\n  username: yes"}}',
            (2, 11),
        ),
    ],
)
def test_a_place_is_found_in_the_file(manifest: str, at: tuple[int, int]) -> None:
    parsed = Manifest.parse(manifest)
    problem = Document(parsed.data).problems[0]
    assert problem.location
    found = origins(parsed.found)["mapRoles"](problem.location)
    assert (found.line, found.column) == at
    assert "mapUsers" not in origins(parsed.found)
