"""``awsauth fmt``: files become editable, ``--check`` says what would change, and ``--normalize`` does it with a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import run

if TYPE_CHECKING:
    from pathlib import Path

ARN = "arn:aws:iam::111122223333:role"
HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata:\n"
IN_QUOTES = HEAD + f'  # of ours\n  mapRoles: "- rolearn: {ARN}/a\n    \\n  username: a \\n"\n'
FOLDED = HEAD + f"  mapRoles: >\n    - rolearn: {ARN}/a\n      username: a\n"
PLAIN = HEAD + f"  # of ours\n  mapRoles: |\n    - rolearn: {ARN}/a\n      username: a\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aws-auth.yaml"


@pytest.mark.parametrize("text", [IN_QUOTES, FOLDED])
def test_a_file_becomes_editable_and_stays_as_it_is_the_second_time(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    refused = run("add", "role", f"{ARN}/b", "--username", "b", "--file", str(path), "--yes")
    assert (refused.code, f"Run `awsauth fmt --file {path}`" in refused.err.replace("\n", " ")) == (8, True)
    assert run("fmt", "--check", "--file", str(path)).code == 1
    assert path.read_text(encoding="utf-8") == text
    assert run("fmt", "--file", str(path), "--yes").code == 0
    after = path.read_text(encoding="utf-8")
    assert after.replace("  # of ours\n", "") == PLAIN.replace("  # of ours\n", "")
    assert ("# of ours" in after) == ("# of ours" in text)
    assert run("fmt", "--check", "--file", str(path)).code == 0
    assert run("fmt", "--file", str(path), "--yes").code == 0
    assert path.read_text(encoding="utf-8") == after
    assert run("add", "role", f"{ARN}/b", "--username", "b", "--file", str(path), "--yes").code == 0


def test_white_space_at_the_end_of_lines_is_named(path: Path) -> None:
    path.write_text(PLAIN.replace("username: a", "username: a  "), encoding="utf-8")
    done = run("fmt", "--check", "--file", str(path))
    assert "mapRoles, with white space at the end of lines 2" in done.out + done.err


def test_nothing_is_written_for_a_dry_run(path: Path) -> None:
    for text in (IN_QUOTES, FOLDED):
        path.write_text(text, encoding="utf-8")
        assert run("fmt", "--file", str(path), "--dry-run").code == 0
        assert path.read_text(encoding="utf-8") == text


def test_a_change_makes_the_text_editable_on_the_way(path: Path) -> None:
    path.write_text(FOLDED, encoding="utf-8")
    done = run("add", "role", f"{ARN}/b", "--username", "b", "--file", str(path), "--yes", "--normalize")
    assert done.code == 0
    after = path.read_text(encoding="utf-8")
    assert after.startswith(PLAIN.replace("  # of ours\n", ""))
    assert f"rolearn: {ARN}/b" in after


def test_a_text_that_cannot_be_read_stays(path: Path) -> None:
    path.write_text(HEAD + "  mapRoles: |\n    - rolearn: [\n", encoding="utf-8")
    assert run("fmt", "--check", "--file", str(path)).code == 0
