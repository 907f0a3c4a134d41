"""What lint says becomes of an entry is what the authenticator does with it.

Each rule's example that fires, and a caller who is meant by it: with the consequence that the finding tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from awsauth.core.access.caller import Caller
from awsauth.core.edit.merge import merge
from awsauth.core.lint.lint import fixes
from awsauth.core.lint.rules import RULES
from tests.support.callers import ACCESS_KEY, attempt_of
from tests.support.rule_examples import examples_of

if TYPE_CHECKING:
    from awsauth.core.document.document import Document
    from tests.support.authenticator.authenticator import Authenticator

IN: Final = "111122223333"
CI: Final = f"arn:aws:sts::{IN}:assumed-role/ci/mallory"
ALICE: Final = f"arn:aws:iam::{IN}:user/alice"
NODE: Final = f"arn:aws:sts::{IN}:assumed-role/nodes/i-0123456789abcdef0"
SSO: Final = f"arn:aws:sts::{IN}:assumed-role/AWSReservedSSO_Viewer_0123456789abcdef/bob"
DNS: Final = "system:node:i-0123456789abcdef0.internal"

Got = tuple[str, tuple[str, ...]] | None
"""Username and groups; None for whoever is not let in."""

CASES: Final[dict[str, tuple[str, Got]]] = {
    "role-path": (CI, None),
    "arn-space": (CI, None),
    "assumed-role": (f"arn:aws:sts::{IN}:assumed-role/ci/build-7", None),
    "instance-profile": (NODE, None),
    "wildcard": (f"arn:aws:sts::{IN}:assumed-role/team/x1", None),
    "not-an-arn": (CI, None),
    "account-digits": ("arn:aws:sts::012345678901:assumed-role/ci/x1", None),
    "unknown-partition": (f"arn:aws-us-gov:sts::{IN}:assumed-role/ci/x1", None),
    "placeholder": (CI, None),
    "template-source": (CI, None),
    "typographic-character": (CI, None),
    "continued-value": (CI, None),
    "sso-entry": (SSO, None),
    "unknown-data-key": (CI, None),
    "account-number": ("arn:aws:iam::012345678901:user/x", None),
    "instances-only": (ALICE, None),
    "ignored-rest": (f"arn:aws:sts::{IN}:assumed-role/deployer/x1", None),
    "user-in-map-roles": (ALICE, ("alice", ())),
    "role-in-map-users": (CI, ("ci", ())),
    "account-root": (ALICE, None),
    "duplicate": (CI, ("ci", ("builders",))),
    "shadowed-user": (ALICE, ("alice", ())),
    "no-username": (CI, ("", ("builders",))),
    "nothing-given": (CI, ("", ())),
    "chosen-username": (CI, ("mallory", ())),
    "user-session-name": (ALICE, ("staff:", ())),
    "unknown-template": (CI, ("ci:{{SessionNme}}", ())),
    "joined-groups": (NODE, (DNS, ("system:bootstrappers - system:nodes",))),
    "chosen-group": (CI, ("ci", ("team-mallory",))),
    "empty-group": (CI, ("ci", ("builders", ""))),
    "map-accounts": (ALICE, (ALICE, ())),
    "repeated-field": (CI, ("builder", ())),
    "unknown-field": (CI, ("ci", ())),
    "node-extra-groups": (NODE, (DNS, ("system:bootstrappers", "system:nodes", "system:masters"))),
}
"""By rule, a caller whom the example means, and what comes of it."""


def admitted(authenticator: Authenticator, documents: list[Document], arns: list[str]) -> list[Got]:
    """Return what the authenticator gives each caller by a document."""
    attempts = [
        attempt_of(document, [Caller(arn, access_key_id=ACCESS_KEY)])
        for document, arn in zip(documents, arns, strict=True)
    ]
    answers = [answer for [answer] in authenticator.authenticate_many(attempts)]
    return [None if one["error"] else (one["username"], tuple(one["groups"] or ())) for one in answers]


@pytest.fixture(scope="module")
def given(authenticator: Authenticator) -> dict[str, tuple[Got, Got]]:
    """Return by rule what the caller gets before the safe cures, and after them."""
    before = [examples_of(RULES[code])[0].document for code in CASES]
    after = [merge(document, fixes(document)) for document in before]
    arns = [arn for arn, _ in CASES.values()]
    results = admitted(authenticator, [*before, *after], [*arns, *arns])
    return dict(zip(CASES, zip(results[: len(CASES)], results[len(CASES) :], strict=True), strict=True))


@pytest.mark.parametrize("code", CASES)
def test_the_consequence_is_what_happens(code: str, given: dict[str, tuple[Got, Got]]) -> None:
    assert given[code][0] == CASES[code][1]


@pytest.mark.parametrize("code", CASES)
def test_a_cure_lets_in_who_is_meant_and_changes_nothing_else(code: str, given: dict[str, tuple[Got, Got]]) -> None:
    cured = {"role-path": ("ci", ()), "arn-space": ("ci", ()), "unknown-field": ("ci", ("builders",))}
    expected = cured.get(code, CASES[code][1])
    assert given[code][1] == expected


def test_every_rule_about_arns_that_match_nobody_is_shown() -> None:
    codes = {code for code, rule in RULES.items() if rule.find.__module__.endswith(".arns")}
    assert codes <= set(CASES)
