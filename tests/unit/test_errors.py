"""The text of errors, each as a golden file in `tests/golden/errors`, to be read by whoever changes one.

``AWSAUTH_REGENERATE=1 pytest tests/unit/test_errors.py`` writes the files anew.
"""

from __future__ import annotations

import copy
import os
import pickle
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth import errors
from awsauth.core.desired.fragment import Fragment, combined
from awsauth.core.document.document import Document
from awsauth.core.edit import changes as c
from awsauth.core.edit.changes import changes_from_json
from awsauth.core.edit.merge import merge, merge_with_report
from awsauth.core.entries.merge import EntryDiff, EntryRevision, merge_entries, undo
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import enforce
from awsauth.core.lint.policy import Policy
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.plan import Plan, load_plan_or_changes
from awsauth.errors import AwsAuthError
from awsauth.history.commit import commit
from awsauth.history.proposal import changing
from awsauth.stores.file import ManifestFile
from tests.support import paths
from tests.support.access_entries import entry
from tests.support.going_back import by, rollback
from tests.support.memory_store import SharedMemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN: Final = paths.GOLDEN / "errors"
ROLE: Final = "arn:aws:iam::111122223333:role/deployer"
USER: Final = "arn:aws:iam::111122223333:user/alice"
MANIFEST: Final = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata:\n  mapRoles: |\n    - rolearn: {ROLE}\n      username: deployer\n"
ENTRY: Final = entry(ROLE, "AmazonEKSClusterAdminPolicy", username="deployer")
OTHER: Final = entry(ROLE, "AmazonEKSViewPolicy=apps", username="deployer", groups=("deployers",))
ELSEWHERE: Final = {
    errors.AwsAuthError,
    errors.RevisionTakenError,
    errors.OutcomeUnknownError,
    errors.KubeconfigError,
    errors.UnreachableError,
    errors.ApiError,
    errors.AuthenticationError,
    errors.ForbiddenError,
    errors.NotFoundError,
    errors.AdmissionError,
    errors.UnavailableError,
    errors.CredentialsError,
    errors.AwsServiceError,
    errors.AwsPermissionError,
    errors.ClusterNotFoundError,
    errors.RoleError,
    errors.RevertedError,
    errors.NotRevertedError,
    errors.RecoveryError,
    errors.InternalError,
}
"""The base, which is never raised itself, and what only stores, servers, AWS and defects make: their own tests hold the texts."""


def merged_plan() -> Plan:
    """Return a plan that maps a role that nothing maps yet."""
    return Plan.of(merge_with_report(Document({}), [ensure()]), [ensure()])


def ensure(**fields: Any) -> c.EnsureRole:
    """Return a change that is right but for `fields`."""
    return c.EnsureRole(**({"role_arn": ROLE, "username": "deployer", "groups": ["deployers"]} | fields))


def ensure_entry(arn: str = ROLE, **fields: Any) -> c.EnsureEntry:
    """Return the change that gives the role an access entry."""
    return c.EnsureEntry(principal_arn=arn, **fields)


def merge_role(text: str, **fields: Any) -> Document:
    """Map the role in the text of ``mapRoles``."""
    return merge(Document({"mapRoles": text}), [ensure(**fields)])


def mapped(username: str = "deployer", groups: str = "[deployers]") -> str:
    """Return a text that maps the role."""
    return f"- rolearn: {ROLE}\n  username: {username}\n  groups: {groups}\n"


def written_meanwhile() -> None:
    """Write a file that somebody else has written since it was read."""
    path = Path("aws-auth.yaml")
    path.write_text(MANIFEST, encoding="utf-8")
    file = ManifestFile(path)
    base = file.read()
    path.write_text(MANIFEST + "# theirs\n", encoding="utf-8")
    file.write({"mapRoles": "[]\n"}, base)


def go_back_on_a_replaced_object() -> None:
    """Go back after another tool has replaced the object, and with it the annotations that named its revision."""
    store = SharedMemoryStore({"mapRoles": mapped()}, clock=lambda: datetime(2026, 6, 1, tzinfo=timezone.utc))
    commit(store, changing([ensure(role_arn=ROLE + "-2")]), writer=by("alice"))
    store.overwrite({"mapRoles": "[]"}, keep_head=False)
    rollback(store)


CASES: Final[dict[str, Callable[[], object]]] = {
    "usage-groups-text": lambda: ensure(groups="system:masters"),
    "usage-missing-and-unknown-field": lambda: changes_from_json(
        [{"change": "EnsureRole", "role_arn": ROLE, "user": "deployer"}]
    ),
    "usage-fields-of-other-types": lambda: ensure(username=None, groups=[1], if_mapped="merge"),
    "usage-account-number": lambda: c.EnsureAccount(account=12345678901),  # type: ignore[arg-type]
    "usage-no-change": lambda: merge(Document({}), ["EnsureRole"]),  # type: ignore[list-item]
    "usage-no-list-of-changes": lambda: changes_from_json({"change": "EnsureRole"}),
    "usage-unknown-change": lambda: changes_from_json([{"change": "EnsureGroup"}]),
    "usage-unknown-field": lambda: changes_from_json(
        [{"change": "Deduplicate"}, {"change": "RemoveRole", "role": ROLE}]
    ),
    "usage-change-no-object": lambda: changes_from_json(["EnsureRole"]),
    "usage-data-no-text": lambda: Document({"mapRoles": None}),  # type: ignore[dict-item]
    "invalid-arn": lambda: ensure(role_arn="deployer"),
    "invalid-arn-long": lambda: ensure(role_arn=ROLE + "x" * 10_240),
    "invalid-arn-partition": lambda: ensure(role_arn="arn:amazon:iam::111122223333:role/deployer"),
    "invalid-arn-account": lambda: ensure(role_arn="arn:aws:iam::1111:role/deployer"),
    "invalid-arn-role-name": lambda: ensure(role_arn=ROLE + " copy"),
    "invalid-arn-user-for-role": lambda: ensure(role_arn=USER),
    "invalid-arn-role-for-user": lambda: c.EnsureUser(user_arn=ROLE, username="alice"),
    "invalid-arn-service": lambda: ensure(role_arn="arn:aws:eks::111122223333:cluster/dev"),
    "invalid-account": lambda: c.EnsureAccount(account="1111"),
    "invalid-group-newline": lambda: ensure(groups=["deployers\n- system:masters"]),
    "invalid-username-empty": lambda: ensure(username=""),
    "invalid-username-surrogate": lambda: ensure(username="deployer\ud800"),
    "invalid-username-blank": lambda: ensure(username="deployer "),
    "invalid-two-values": lambda: ensure(role_arn="deployer", username="\x1b[31m"),
    "conflict-username": lambda: merge_role(mapped("ci")),
    "conflict-masters": lambda: merge_role(mapped(groups="[system:masters]")),
    "conflict-fail": lambda: merge_role(mapped(groups="[]"), if_mapped="fail"),
    "edit-unreadable": lambda: merge_role("- rolearn: a\n  username: {{SessionName}}\n"),
    "edit-no-list": lambda: merge_role("rolearn: a\n"),
    "edit-untrusted": lambda: merge_role("- rolearn: a\n- " + "[" * 101),
    "edit-odd-list": lambda: merge_role("&all\n- rolearn: a\n"),
    "edit-entry": lambda: merge_role(f"- &deployer\n  rolearn: {ROLE}\n  username: deployer\n"),
    "edit-value": lambda: merge_role(mapped(">-\n    ci"), if_mapped="replace"),
    "edit-group": lambda: merge_role(mapped(groups="\n  - a\n  - b\n   - c")),
    "edit-groups": lambda: merge_role(mapped(groups="&g deployers")),
    "edit-effect": lambda: merge(
        Document({"mapRoles": f"- &x\n  rolearn: {ROLE}\n- <<: *x\n  rolearn: a\n"}), [c.RemoveRole(role_arn=ROLE)]
    ),
    "guard-last-admin": lambda: enforce(
        Document({"mapRoles": mapped(groups="[system:masters]")}), Document({"mapRoles": mapped()})
    ),
    "entry-principal-session": lambda: ensure_entry(arn="arn:aws:sts::111122223333:assumed-role/deployer/ci"),
    "entry-principal-service": lambda: ensure_entry(
        arn="arn:aws:iam::111122223333:role/aws-service-role/x/AWSServiceRoleForX"
    ),
    "entry-username": lambda: ensure_entry(username="{{SessionName}}"),
    "entry-group-masters": lambda: ensure_entry(groups=["system:masters"]),
    "entry-policy": lambda: ensure_entry(policies=["AmazonEKSViewPolicy=Apps"]),
    "entry-policy-twice": lambda: ensure_entry(policies=["AmazonEKSViewPolicy", "AmazonEKSViewPolicy=apps"]),
    "entry-nodes": lambda: ensure_entry(type="EC2_LINUX", groups=["nodes"]),
    "entry-in-document": lambda: merge(Document({}), [ensure_entry()]),
    "entry-and-mapping": lambda: c.entry_changes([ensure_entry(), ensure()]),
    "entry-conflict": lambda: merge_entries([ENTRY], [ensure_entry(groups=["deployers"])]),
    "entry-type": lambda: merge_entries([ENTRY], [ensure_entry(type="EC2_LINUX")]),
    "entry-path": lambda: merge_entries([ENTRY], [ensure_entry(arn=ROLE.replace("role/", "role/ci/"))]),
    "entry-absent": lambda: merge_entries([], [c.SetEntryPolicy(principal_arn=ROLE, policy="AmazonEKSViewPolicy")]),
    "entry-policy-scope": lambda: merge_entries(
        [ENTRY], [c.RemoveEntryPolicy(principal_arn=ROLE, policy="AmazonEKSClusterAdminPolicy=apps")]
    ),
    "entry-last-admin": lambda: enforce(
        Document({}),
        Document({}),
        GuardContext(access_entries=(ENTRY,), entry_diffs=(EntryDiff(ENTRY.principal_arn, ENTRY, None),)),
    ),
    "entry-changed-since": lambda: undo([EntryRevision(3, diff=(EntryDiff(ROLE, None, ENTRY),))], [OTHER]),
    "entry-revision-altered": lambda: undo([EntryRevision(3, problem="altered")], []),
    "entry-nothing-to-undo": lambda: undo([], []),
    "plan-no-json": lambda: Plan.from_text("mapRoles: []"),
    "plan-outdated": lambda: merged_plan().merge_into(
        Document({"mapRoles": f"- rolearn: {ROLE}\n  username: deployer\n  groups: [a]\n"})
    ),
    "plan-neither": lambda: load_plan_or_changes('{"changes": []}'),
    "plan-other-kind": lambda: Plan.from_json({"kind": "Plan"}),
    "manifest-empty": lambda: Manifest.parse("# nothing\n"),
    "manifest-folded": lambda: Manifest.parse(MANIFEST.replace("|", ">")).with_data({"mapRoles": "[]\n"}),
    "manifest-template": lambda: Manifest.parse("{{- if .Values.auth }}\n" + MANIFEST + "{{- end }}\n"),
    "file-absent": lambda: ManifestFile(Path("aws-auth.yaml")).read(),
    "file-directory": lambda: ManifestFile(Path()).read(),
    "file-changed": written_meanwhile,
    "history-unproven": go_back_on_a_replaced_object,
    "fragment-fields": lambda: Fragment.from_text("owner: A\nmapRole: []\n", "access/a.yaml"),
    "fragment-twice": lambda: combined([Fragment(owner=name, accounts=["111122223333"]) for name in "ab"]),
    "policy-field": lambda: Policy.from_text("acounts: ['111122223333']\n"),
    "policy-account": lambda: Policy.from_text("accounts: [1111, deployers]\n"),
    "policy-twice": lambda: Policy.from_text("most_administrators: 3\nmost_administrators: 30\n"),
    "policy-empty": lambda: Policy.from_text("# nothing yet\n"),
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def raised(case: str) -> AwsAuthError:
    """Return the error of a case."""
    with pytest.raises(AwsAuthError) as caught:
        CASES[case]()
    return caught.value


@pytest.mark.parametrize("case", CASES)
def test_text(case: str) -> None:
    """Class and text are the ones that somebody has read and found clear."""
    error = raised(case)
    text = f"{type(error).__name__}\n\n{error}\n"
    golden = GOLDEN / f"{case}.txt"
    if os.environ.get("AWSAUTH_REGENERATE"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_says_what_it_has_to(case: str) -> None:
    """The next step, nothing about changes that its field `changed` denies, nothing that a terminal would act on."""
    error = raised(case)
    assert error.changed is False
    assert error.hint
    assert "!" not in error.message
    assert all(line.isprintable() for line in str(error).split("\n"))


@pytest.mark.parametrize("case", CASES)
def test_survives_pickling_and_copying(case: str) -> None:
    """With class, text and every attribute: errors cross process borders in test runners and pools."""
    error = raised(case)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - of our own making
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
        assert again.args == error.args


def test_every_class_has_a_golden_file() -> None:
    """Every class of the tree is shown by a case here, or named above as belonging elsewhere."""
    classes = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AwsAuthError)}
    assert {type(raised(case)) for case in CASES} == classes - ELSEWHERE


def test_no_golden_file_is_left_over() -> None:
    """Each belongs to a case."""
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)
