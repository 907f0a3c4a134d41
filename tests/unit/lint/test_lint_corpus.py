"""What lint says about real documents, as a golden file, to be read by whoever changes a rule.

``AWSAUTH_REGENERATE=1 pytest tests/unit/lint/test_lint_corpus.py`` writes it anew. A rule that speaks where nothing is the
matter shows here.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from awsauth.core.document.document import Document
from awsauth.core.edit.merge import merge
from awsauth.core.findings import Severity
from awsauth.core.lint.lint import fixes, lint
from awsauth.core.lint.rules import RULES
from awsauth.errors import ManifestError
from awsauth.stores.file import ManifestFile
from tests.support import paths

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.core.findings import Finding

GOLDEN: Final = paths.GOLDEN / "lint" / "corpus.txt"


class Real(NamedTuple):
    """A real document, and what is wrong with its manifest."""

    document: Document | None
    findings: tuple[Finding, ...] = ()


@pytest.fixture(scope="module")
def files(corpus: Path) -> dict[str, Real]:
    """Return the real documents by file name, with the findings about their manifests."""
    return {path.name: _read(path) for path in sorted(corpus.glob("*.yaml"))}


def _read(path: Path) -> Real:
    try:
        manifest = ManifestFile(path).read().manifest
    except ManifestError:
        return Real(None)
    return Real(Document(manifest.data, is_fragment=manifest.document.is_fragment), manifest.findings)


@pytest.fixture(scope="module")
def documents(corpus: Path, files: dict[str, Real]) -> dict[str, Document | None]:
    """Return the real documents by file name; None for a file without one, as a fragment is not even YAML."""
    recorded = [
        json.loads(line) for line in (corpus / "expected.jsonl").read_text(encoding="utf-8").split("\n") if line
    ]
    fragments = {
        record["file"]: Document(record["data"], is_fragment="mapRoles" not in record["data"])
        for record in recorded
        if "data" in record
    }
    return {name: real.document or fragments.get(name) for name, real in files.items()}


def test_findings(documents: dict[str, Document | None], files: dict[str, Real]) -> None:
    """They are those that somebody has looked at and found justified."""
    text = "".join(_lines(name, document, files[name].findings) for name, document in documents.items())
    if os.environ.get("AWSAUTH_REGENERATE"):
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text.splitlines() == GOLDEN.read_text(encoding="utf-8").splitlines()


def _lines(name: str, document: Document | None, findings: tuple[Finding, ...]) -> str:
    """Return a line for each finding: the document, the code, the place."""
    if document is None:
        return f"{name} holds no data that can be read\n"
    found = [f"{name} {finding.code} {finding.location or 'everywhere'}\n" for finding in (*findings, *lint(document))]
    return "".join(found) or f"{name} is as it should be\n"


def test_most_real_documents_have_no_error(documents: dict[str, Document | None]) -> None:
    """A rule that calls an ordinary document wrong is wrong itself; those that cannot be read aside.

    Many have placeholders: they come from repositories, and not from clusters.
    """
    readable = [document for document in documents.values() if document is not None and not document.problems]
    errors = [{one.code for one in lint(document) if one.severity is Severity.ERROR} for document in readable]
    without = [codes for codes in errors if codes <= {"placeholder"}]
    assert len(readable) > 120
    assert len(without) > len(readable) * 3 // 4


def test_no_rule_but_notes_speaks_about_many_documents(documents: dict[str, Document | None]) -> None:
    spoken = Counter(
        code for document in documents.values() if document for code in {one.code for one in lint(document)}
    )
    often = {code for code, count in spoken.items() if count > len(documents) // 10}
    warnings = {code for code in often if code in RULES and RULES[code].severity is not Severity.NOTE}
    assert warnings <= {"placeholder"}


def test_cures_cure_real_documents(documents: dict[str, Document | None]) -> None:
    """Every duplicate, path and space that can be cured goes, and what is left is what counted."""
    cured = 0
    for document in filter(None, documents.values()):
        after = merge(document, fixes(document))
        errors = [
            Counter(finding.code for finding in lint(one) if finding.severity is Severity.ERROR)
            for one in (document, after)
        ]
        assert errors[1] <= errors[0] or document.problems  # of what could not be read before, more is said afterwards
        assert fixes(after) == ()
        cured += after is not document
    assert cured >= 3
