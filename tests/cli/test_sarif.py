"""Findings as SARIF: the published schema, help for each code, and fingerprints that stay."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft4Validator

from awsauth.cli.command import FOUND
from awsauth.core.entries.model import NOT_LOOKED_AT
from awsauth.core.findings import Severity, note
from awsauth.core.lint.lint import lint
from awsauth.core.lint.rules import RULES
from awsauth.report.sarif import HELP, SCHEMA, findings_as_sarif
from tests.support.access_entries import ROLE
from tests.support.command_line import manifest_in, run
from tests.support.fictional_cluster import DOCUMENT, report
from tests.support.paths import PROJECT
from tests.support.reference import READER

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# From OASIS: docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json
PUBLISHED: Final = json.loads((PROJECT / "tests" / "support" / "schemas" / "sarif-2.1.0.json").read_text("utf-8"))
FOUND_ON_CLUSTERS: Final = (
    "core/cluster/findings.py",
    "core/entries/findings.py",
    "history/rollback.py",
    "stores/file.py",
)


def checked(text: str) -> Any:
    log = json.loads(text)
    problems = [f"{one.json_path}: {one.message}" for one in Draft4Validator(PUBLISHED).iter_errors(log)]
    assert problems == []
    assert log["$schema"] == SCHEMA == PUBLISHED["id"]
    return log["runs"][0]


def of_check(folder: Path, text: str) -> Any:
    return checked(run("check", "--file", str(manifest_in(folder, mapRoles=text)), "-o", "sarif").out)


ENTRY: Final = f"- rolearn: {ROLE}/team/a\n  username: a\n"


def test_check_has_a_result_with_a_place_for_each_finding(tmp_path: Path) -> None:
    file = str(manifest_in(tmp_path, mapRoles=ENTRY))
    done = run("check", "--file", file, "-o", "sarif")
    assert done.code == FOUND
    found = checked(done.out)
    first, *_ = found["results"]
    assert (first["ruleId"], first["level"]) == ("role-path", "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == f"file://{file}"
    line, column = place["region"]["startLine"], place["region"]["startColumn"]
    assert (tmp_path / "aws-auth.yaml").read_text().splitlines()[line - 1][column - 1 :] == f"{ROLE}/team/a"
    assert {rule["id"] for rule in found["tool"]["driver"]["rules"]} == {one["ruleId"] for one in found["results"]}


def test_a_relative_file_stays_relative_and_a_stream_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = manifest_in(tmp_path, mapRoles=ENTRY).rename(tmp_path / "aws auth.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    first = checked(run("check", "--file", "aws auth.yaml", "-o", "sarif").out)["results"][0]
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "aws%20auth.yaml"
    first = checked(run("check", "--file", "-", "-o", "sarif", stdin=text).out)["results"][0]
    name = first["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
    assert name == f"kube-system/aws-auth/{ROLE}/team/a"


def test_a_fingerprint_stays_when_lines_move_and_differs_for_each_finding(tmp_path: Path) -> None:
    def marks(text: str) -> list[str]:
        return [one["partialFingerprints"]["awsauth/v1"] for one in of_check(tmp_path, text)["results"]]

    found = marks(ENTRY + ENTRY)
    assert len(found) == len(set(found))
    moved = marks(f"# a comment\n- rolearn: {ROLE}/new\n  username: new\n{ENTRY}")
    assert set(marks(ENTRY)) <= set(moved)


def test_report_has_the_findings_of_all_principals_and_what_was_not_checked(tmp_path: Path) -> None:
    found = checked(run("report", "--file", str(manifest_in(tmp_path, **DOCUMENT.data)), "-o", "sarif").out)
    assert [one["ruleId"] for one in found["results"]] == [one.code for one in lint(DOCUMENT)]
    (invocation,) = found["invocations"]
    (gap,) = invocation["toolExecutionNotifications"]
    assert gap["descriptor"]["id"] == NOT_LOOKED_AT
    assert "Not checked: access entries" in gap["message"]["text"]


def test_a_cluster_has_logical_places_and_an_empty_log_is_valid() -> None:
    rows = report().principals
    log = findings_as_sarif([one for row in rows for one in row.findings], "prod", None)
    found = checked(json.dumps(log))
    assert all(one["locations"][0]["logicalLocations"] for one in found["results"])
    assert found["automationDetails"]["id"] == "awsauth/prod/"
    assert checked(json.dumps(findings_as_sarif([], "a\u202eb", None)))["results"] == []


def test_the_severities_are_levels_of_sarif() -> None:
    levels = PUBLISHED["definitions"]["result"]["properties"]["level"]["enum"]
    assert {severity.value for severity in Severity} <= set(levels)
    assert findings_as_sarif([note(NOT_LOOKED_AT, "Not checked.", "")], "x", None)["runs"][0]["results"] == []


def test_the_help_of_each_code_is_an_anchor_of_the_page() -> None:
    page = (PROJECT / "docs" / "reference" / f"{HELP.rpartition('/')[2].removesuffix('.html')}.md").read_text("utf-8")
    anchors = set(re.findall(r"\{ #([\w-]+) \}|<span id=\"([\w-]+)\">", page))
    named = {one or other for one, other in anchors}
    source = "".join((PROJECT / "awsauth" / name).read_text("utf-8") for name in FOUND_ON_CLUSTERS)
    codes = set(re.findall(r'(?:Finding|note|warning)\(\s*"([a-z-]+)"|code(?:, message)? = \(?\s*"([a-z-]+)"', source))
    assert len(codes) > 10
    found = {one or other for one, other in codes} | {"gives-nothing", "cluster-admin", "entry-shadows"}
    of_changes = {"field-manager", "further-back", "unproven-revision"}
    assert {*RULES, *READER, *found} - of_changes <= named
