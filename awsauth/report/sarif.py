"""Findings as SARIF 2.1.0, which code scanning tools read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from awsauth.core.entries.model import NOT_LOOKED_AT
from awsauth.core.findings import Finding
from awsauth.core.serialization import sha256_of
from awsauth.core.text.display import visible
from awsauth.version import __version__

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# The page that has an anchor for each code.
HELP: Final = "https://eks-aws-auth.readthedocs.io/en/latest/reference/lint-rules.html"


def findings_as_sarif(
    found: Iterable[Finding], target: str, file: str | None, in_words: Callable[[str], str] = str
) -> dict[str, Any]:
    """Return a log with a result for each finding.

    Facts that could not be checked are notifications.

    Args:
        found: The findings.
        target: The cluster or file, to tell the logs of several apart.
        file: The manifest file that the findings are about; None for a cluster.
        in_words: Makes a message fit the reader, such as with options instead of arguments.
    """
    seen: Counter[str] = Counter()
    rules: dict[str, dict[str, Any]] = {}
    results, notifications = [], []
    for finding in found:
        words = filter(None, (finding.message, finding.impact, finding.hint))
        told = {"level": finding.severity.value, "message": {"text": in_words(" ".join(words))}}
        if finding.code == NOT_LOOKED_AT:
            notifications.append({**told, "descriptor": {"id": finding.code}})
            continue
        rules.setdefault(finding.code, {"id": finding.code, "helpUri": f"{HELP}#{finding.code}"})
        at = finding.location
        # Without the line, so that a finding stays the same one when lines move.
        mark = sha256_of([finding.code, finding.principal, at.key if at else "", at.text if at else ""])
        seen[mark] += 1
        place = {"locations": [_location(finding, file)], "partialFingerprints": {"awsauth/v1": f"{mark}:{seen[mark]}"}}
        results.append({"ruleId": finding.code, **told, **place})
    driver = {"name": "awsauth", "semanticVersion": __version__, "rules": list(rules.values())}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"awsauth/{visible(target)}/"},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _location(finding: Finding, file: str | None) -> dict[str, Any]:
    """Return the place of a finding in a file.

    In a cluster, it is the principal or the data key.
    """
    at = finding.location
    if file is None:
        name = finding.principal or (at.key if at else "") or "aws-auth"
        return {"logicalLocations": [{"fullyQualifiedName": f"kube-system/aws-auth/{visible(name)}"}]}
    path = PurePath(file)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if at and at.in_file:
        physical["region"] = {"startLine": at.line, "startColumn": at.column}
    return {"physicalLocation": physical}
