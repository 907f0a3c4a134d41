"""The caller's own mapping, and the findings of the guard of own access."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from awsauth.core.document.document import Document
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import run_guards

if TYPE_CHECKING:
    from awsauth.core.findings import Severity
    from awsauth.kube.self_review import SelfReview

DEPLOYER = "arn:aws:iam::123456789012:role/deployer"
MAPPED = Document(
    {
        "mapRoles": json.dumps(
            [
                {
                    "rolearn": DEPLOYER,
                    "username": "deployer:{{SessionName}}",
                    "groups": ["deployers", "acct-{{AccountID}}"],
                }
            ]
        )
    }
)


def own_access(who: SelfReview | None, after: Document) -> list[tuple[Severity, str]]:
    context = GuardContext(caller_arn=who.arn or None, caller_username=who.username) if who else GuardContext()
    return [
        (found.severity, found.principal) for found in run_guards(MAPPED, after, context) if found.code == "own-access"
    ]
