"""The reference is made from the code, and complete.

``AWSAUTH_REGENERATE=1 pytest tests/docs/test_reference.py`` writes the parts anew that differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

import awsauth
from awsauth.core.findings import AUTHENTICATION_MODE, SHADOWS
from awsauth.core.guards.guards import REFUSALS
from awsauth.core.lint.rules import RULES
from tests.support import reference
from tests.support.pages import check_part
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE: Final = PROJECT / "docs" / "reference"
PARTS: Final = [
    ("lint-rules.md", "table of rules", reference.rules_table),
    ("lint-rules.md", "parser findings", reference.parser_findings),
    ("lint-rules.md", "rules", reference.rules),
    ("cli.md", "table of commands", reference.commands_table),
    ("cli.md", "exit codes", reference.exit_codes),
    ("cli.md", "commands", reference.command_helps),
    ("configuration.md", "variables", reference.variables),
    ("errors.md", "errors", reference.errors_list),
]


@pytest.mark.parametrize(("page", "name", "make"), PARTS, ids=[name for _, name, _ in PARTS])
def test_a_part_is_as_the_code_says(page: str, name: str, make: Callable[[], str]) -> None:
    check_part(REFERENCE / page, name, make())


def test_every_guard_has_an_anchor_of_its_own() -> None:
    text = (REFERENCE / "guards.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### .*\{ #([\w-]+) \}$", text, re.MULTILINE)) == REFUSALS


def test_every_public_name_is_in_the_reference() -> None:
    pages = "".join((REFERENCE / name).read_text(encoding="utf-8") for name in ("python.md", "errors.md"))
    shown = re.findall(r"^::: awsauth\.(\w+)$|\{ #(\w+Error) \}$", pages, re.MULTILINE)
    assert sorted(one or other for one, other in shown) == sorted(awsauth.__all__)


def test_titles_fit_a_table() -> None:
    assert [
        rule.code for rule in RULES.values() if "|" in rule.title or "\n" in rule.title or rule.title.endswith(".")
    ] == []


def test_the_parsers_find_no_other_codes() -> None:
    """They are the literals in the modules that make the parsers' findings."""
    source = "".join(
        (PROJECT / "awsauth" / "core" / name).read_text(encoding="utf-8")
        for name in (
            "findings.py",
            "document/full_reader.py",
            "document/authenticator.py",
            "manifest/manifest_findings.py",
        )
    )
    codes = set(re.findall(r'_add\(\s*"([a-z-]+)"', source)) | set(
        re.findall(r'_lost\(\s*key, text, "([a-z-]+)"', source)
    )
    codes |= set(re.findall(r'(?:Finding|note|warning)\(\s*"([a-z-]+)"', source))
    codes |= set(re.findall(r'Final = "([a-z]+-[a-z-]+)"\n', source)) - {
        *("aws-auth", "kube-system", AUTHENTICATION_MODE, SHADOWS)
    }
    assert codes == reference.READER.keys()
