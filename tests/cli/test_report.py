"""`awsauth report` of a manifest file, in its formats."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from awsauth.cli.command import DONE
from awsauth.core.report.rows import COLUMNS
from tests.support.access_entries import ROLE
from tests.support.command_line import manifest_in, run
from tests.support.fictional_cluster import DOCUMENT

if TYPE_CHECKING:
    from pathlib import Path

FORMULAS = ("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", '"=1', "\uff1d1")


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    return str(manifest_in(tmp_path, **DOCUMENT.data))


def test_text_has_a_line_for_each_principal(manifest: str) -> None:
    done = run("report", "--file", manifest)
    assert done.code == DONE
    assert done.out.startswith(f"Access to {manifest}, 20")
    assert done.out.index("Not checked: access entries, RBAC, nodes and IAM.") < done.out.index("PRINCIPAL")
    assert "OWNER" not in done.out  # a column that no row fills
    assert done.out.count(":role/") >= 6


def test_json_fits_its_schema_and_names_the_file(manifest: str) -> None:
    found = json.loads(run("report", "--file", manifest, "-o", "json").out)["report"]
    assert found["target"] == manifest
    assert {row["iam"] for row in found["principals"]} == {None}
    assert [one["code"] for one in found["not_checked"]] == ["not-looked-at"]


def test_markdown_is_a_table_with_texts_as_code(tmp_path: Path) -> None:
    text = f"- rolearn: {ROLE}/a\n  username: '<b>|`x`'\n"
    done = run("report", "--file", str(manifest_in(tmp_path, mapRoles=text)), "-o", "markdown")
    assert r"`` <b>\|`x` ``" in done.out
    assert "- note `not-looked-at`" in done.out


def test_csv_has_all_columns_and_tells_what_was_not_checked(manifest: str) -> None:
    done = run("report", "--file", manifest, "-o", "csv")
    header, *rows = csv.reader(io.StringIO(done.out))
    assert tuple(header) == COLUMNS
    assert len(rows) == 8
    assert "Not checked: " in done.err
    assert {row[header.index("IAM")] for row in rows} == {"not checked", ""}


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_of_csv_is_a_formula(tmp_path: Path, name: str) -> None:
    text = json.dumps([{"rolearn": f"{ROLE}/a", "username": name, "groups": [name, "x"]}])
    done = run("report", "--file", str(manifest_in(tmp_path, mapRoles=text)), "-o", "csv")
    _, row = csv.reader(io.StringIO(done.out))
    assert len(row) == len(COLUMNS)
    for cell in row:
        assert not cell or cell[0] in "'\\" or cell[0].isalnum()
