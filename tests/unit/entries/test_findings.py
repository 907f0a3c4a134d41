"""The findings about access entries: five cases in which each is reported, and five in which it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import pytest

from awsauth.core.document.document import Document
from awsauth.core.entries.findings import IamFacts, entry_findings
from awsauth.core.entries.model import AccessEntry, AccessPolicy, EntriesState
from tests.support.changed import BOTH, DNS, MASTERS, PREFIX, USERS, role, roles, user, users

MADE: Final = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
POLICY: Final = "arn:aws:eks::aws:cluster-access-policy"
ADMIN: Final = AccessPolicy(f"{POLICY}/AmazonEKSClusterAdminPolicy")
VIEW: Final = AccessPolicy(f"{POLICY}/AmazonEKSViewPolicy")
EDIT_IN: Final = AccessPolicy(f"{POLICY}/AmazonEKSEditPolicy", ("apps",))
ADMIN_IN: Final = AccessPolicy(f"{POLICY}/AmazonEKSClusterAdminPolicy", ("apps",))


def entry(name: str = "x", *policies: AccessPolicy, kind: str = "STANDARD", **more: Any) -> AccessEntry:
    arn = name if name.startswith("arn:") else f"{PREFIX}/{name}"
    return AccessEntry(arn, kind, more.pop("username", "u"), policies=policies, created=MADE, **more)


def codes(
    mapped: Any = None,
    found: AccessEntry | None = None,
    *,
    mode: Any = "API_AND_CONFIG_MAP",
    made: Any = MADE - timedelta(days=1),
    nodes: tuple[str, ...] = (),
    **more: Any,
) -> list[str]:
    """Return the codes for one mapping, and one entry whose principal IAM made at a time."""
    document = users(mapped) if mapped and "userarn" in mapped else roles(*filter(None, [mapped]))
    entries = (found,) if found else ()
    iam = IamFacts({one.principal_arn: made for one in entries}) if made != "unknown" else IamFacts(**more)
    state = EntriesState(mode, entries)
    return [one.code for one in entry_findings(document, state, iam, nodes)]


FIRES: Final[dict[str, list[dict[str, Any]]]] = {
    "entry-stale": [
        {"found": entry(), "made": MADE + timedelta(seconds=1)},
        {"found": entry("team/x"), "made": MADE + timedelta(days=400)},
        {"found": entry(f"{USERS}/anna"), "made": MADE + timedelta(hours=1)},
        {"found": entry(kind="EC2_LINUX"), "made": MADE + timedelta(hours=1), "mode": "API"},
        {"found": entry("x", ADMIN), "made": MADE + timedelta(hours=1), "mode": None},
    ],
    "entry-orphan": [
        {"found": entry(), "made": None},
        {"found": entry("team/x"), "made": None},
        {"found": entry(f"{USERS}/anna"), "made": None, "mode": "API"},
        {"found": entry(kind="FARGATE_LINUX"), "made": None},
        {"found": entry("x", VIEW), "made": None},
    ],
    "entry-shadows": [
        {"mapped": role("x", "other"), "found": entry()},
        {"mapped": role("x", "u", "team"), "found": entry()},
        {"mapped": role("x", "u"), "found": entry("team/x")},
        {"mapped": user("anna", "anna"), "found": entry(f"{USERS}/anna")},
        {"mapped": role("x", "u"), "found": entry(kind="")},
    ],
    "entry-wider": [
        {"mapped": role("x", "u", "team"), "found": entry("x", ADMIN)},
        {"mapped": role("x", "u"), "found": entry("x", VIEW)},
        {"mapped": role("x", "u", "team"), "found": entry("team/x", EDIT_IN)},
        {"mapped": user("anna", "u"), "found": entry(f"{USERS}/anna", VIEW)},
        {"mapped": role("x", "u"), "found": entry("x", ADMIN_IN)},
    ],
    "entry-narrower": [
        {"mapped": role("x", "u", MASTERS), "found": entry()},
        {"mapped": role("x", "u", MASTERS), "found": entry("x", VIEW)},
        {"mapped": role("x", "u", MASTERS, "team"), "found": entry("team/x", groups=("team",))},
        {"mapped": role("x", "u", MASTERS), "found": entry("x", ADMIN_IN)},
        {"mapped": user("anna", "u", MASTERS), "found": entry(f"{USERS}/anna", EDIT_IN)},
    ],
    "node-entry-standard": [
        {"mapped": role("x", DNS, *BOTH), "found": entry()},
        {"mapped": role("x", "system:node:{{SessionName}}", *BOTH), "found": entry("team/x")},
        {"found": entry(), "nodes": (f"{PREFIX}/x",)},
        {"found": entry("team/x", VIEW), "nodes": (f"{PREFIX}/x",), "mode": "API"},
        {"mapped": role("x", DNS, *BOTH), "found": entry("x", ADMIN), "nodes": (f"{PREFIX}/x",)},
    ],
    "node-entry-people": [
        {"mapped": role("x", "u", "team"), "found": entry(kind=kind)}
        for kind in ("EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX")
    ],
    "mode-config-map": [
        {"mode": "CONFIG_MAP"},
        {"mode": "CONFIG_MAP", "mapped": role("x", "u")},
        {"mode": "CONFIG_MAP", "mapped": role("x", DNS, *BOTH)},
        {"mode": "CONFIG_MAP", "mapped": user("anna", "u", MASTERS)},
        {"mode": "CONFIG_MAP", "mapped": role("team/x", "u")},
    ],
    "not-looked-at": [
        {"found": entry(), "made": "unknown", "unknown": {f"{PREFIX}/x": why}}
        for why in ("IAM does not allow iam:GetRole.", "Another account.", "Too long.", "Busy.", "No answer.")
    ],
}  # fmt: skip

SILENT: Final[dict[str, list[dict[str, Any]]]] = {
    "entry-stale": [
        {"found": entry()},
        {"found": entry(), "made": MADE},
        {"found": entry(), "made": None},
        {"found": entry(), "made": "unknown"},
        {"found": replace(entry(), created=None), "made": MADE},
    ],
    "entry-orphan": [
        {"found": entry()},
        {"found": entry(), "made": MADE + timedelta(days=1)},
        {"found": entry(), "made": "unknown"},
        {"found": entry(), "made": "unknown", "unknown": {f"{PREFIX}/x": "Another account."}},
        {"mapped": role("x", "u")},
    ],
    "entry-shadows": [
        {"mapped": role("x", "u")},
        {"found": entry()},
        {"mapped": role("y", "other"), "found": entry()},
        {"mapped": role("team/x", "other"), "found": entry()},
        {"mapped": role("x", "other"), "found": entry(), "mode": "API"},
    ],
    "entry-wider": [
        {"mapped": role("x", "u", MASTERS), "found": entry("x", ADMIN)},
        {"mapped": role("x", "u"), "found": entry()},
        {"found": entry("x", VIEW)},
        {"mapped": role("x", "u"), "found": entry("x", VIEW), "mode": "API"},
        {"mapped": role("x", "u", MASTERS), "found": entry("x", VIEW)},
    ],
    "entry-narrower": [
        {"mapped": role("x", "u", MASTERS), "found": entry("x", ADMIN)},
        {"mapped": role("x", "u", "team"), "found": entry()},
        {"mapped": role("x", "u", MASTERS)},
        {"mapped": role("x", "u", MASTERS), "found": entry(kind="")},
        {"mapped": role("x", "u", MASTERS), "found": entry(), "mode": "API"},
    ],
    "node-entry-standard": [
        {"mapped": role("x", DNS, *BOTH), "found": entry(kind="EC2_LINUX")},
        {"mapped": role("x", "u"), "found": entry()},
        {"found": entry(kind="EC2"), "nodes": (f"{PREFIX}/x",)},
        {"found": entry("y"), "nodes": (f"{PREFIX}/x",)},
        {"mapped": role("x", DNS, *BOTH), "found": entry(kind="")},
    ],
    "node-entry-people": [
        {"mapped": role("x", DNS, *BOTH), "found": entry(kind="EC2_LINUX")},
        {"mapped": role("x", "u"), "found": entry()},
        {"found": entry(kind="EC2_LINUX")},
        {"mapped": role("x", "u"), "found": entry(kind="")},
        {"mapped": role("x", "u"), "found": entry(kind="EC2_LINUX"), "mode": "API"},
    ],
    "mode-config-map": [
        {"mode": mode, "mapped": mapped}
        for mode, mapped in (
            ("API", None), ("API_AND_CONFIG_MAP", None), (None, None), ("API", role("x", "u")), (None, role("x", "u"))
        )
    ],
    "not-looked-at": [
        {},
        {"found": entry()},
        {"found": entry(), "made": None},
        {"mapped": role("x", "u")},
        {"mode": "CONFIG_MAP"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("code", "case"), [(code, case) for code, cases in FIRES.items() for case in cases])
def test_it_is_reported(code: str, case: dict[str, Any]) -> None:
    assert code in codes(**case)


@pytest.mark.parametrize(("code", "case"), [(code, case) for code, cases in SILENT.items() for case in cases])
def test_it_is_not_reported(code: str, case: dict[str, Any]) -> None:
    assert code not in codes(**case)


def test_each_has_five_examples_of_both_kinds() -> None:
    assert {code: (len(FIRES[code]), len(SILENT[code])) for code in FIRES} == dict.fromkeys(SILENT, (5, 5))


def test_what_iam_does_not_tell_is_counted_once_for_each_reason() -> None:
    unknown = {f"{PREFIX}/{name}": "IAM does not allow iam:GetRole." for name in "abcde"} | {f"{PREFIX}/z": "Busy."}
    found = list(entry_findings(roles(), EntriesState("API", ()), IamFacts({}, unknown)))
    assert [one.message.partition(":")[2].partition(": ")[0] for one in found] == [
        " whether IAM still has 5 principals",
        " whether IAM still has 1 principal",
    ]
    assert "and 2 more" in found[0].message


def test_the_same_access_twice_needs_no_change_but_a_removal() -> None:
    [found] = entry_findings(
        roles(role("x", "u", MASTERS, "team")),
        EntriesState("API_AND_CONFIG_MAP", (entry("x", ADMIN, groups=("team",)),)),
        IamFacts(),
    )
    assert (found.code, found.severity.value, found.hint) == (
        "entry-shadows", "note", "Remove the mapping; it is not needed.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "created", "is_stale"),
    [
        ({}, MADE, False),
        ({f"{PREFIX}/x": None}, MADE, True),
        ({f"{PREFIX}/x": None}, None, True),
        ({f"{PREFIX}/x": MADE + timedelta(seconds=1)}, MADE, True),
        ({f"{PREFIX}/x": MADE}, MADE, False),
        ({f"{PREFIX}/x": MADE}, None, False),
    ],
)
def test_an_entry_is_stale_whose_principal_is_gone_or_made_later(made: Any, created: Any, *, is_stale: bool) -> None:
    assert IamFacts(made).is_stale(replace(entry(), created=created)) is is_stale


def test_an_item_that_maps_nothing_is_beside_no_entry() -> None:
    document = Document({"mapRoles": f"- 3\n- rolearn: {PREFIX}/x\n  username: y\n"})
    found = entry_findings(document, EntriesState("API_AND_CONFIG_MAP", (entry(),)), IamFacts())
    assert [one.code for one in found] == ["entry-shadows"]


def test_principals_that_iam_was_not_asked_about_are_counted() -> None:
    def told(*names: str) -> str:
        iam = IamFacts(unknown={f"{PREFIX}/{name}": "No right." for name in names})
        [found] = entry_findings(Document({}), EntriesState("API"), iam)
        return found.message

    assert told("a") == f"Not checked: whether IAM still has 1 principal: `{PREFIX}/a`. No right."
    assert told("a", "b") == f"Not checked: whether IAM still has 2 principals: `{PREFIX}/a`, `{PREFIX}/b`. No right."
