"""The verdict about each kind of mapping, and its access entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.cluster.facts import NodeEvidence, RoleUser
from awsauth.core.document.document import Document
from awsauth.core.entries.findings import FoundPrincipal, IamFacts
from awsauth.core.entries.model import AccessEntry, AccessPolicy, EntriesState
from awsauth.core.migration.classify import migration_plan
from awsauth.core.migration.plan import MigrationChoices, MigrationFacts, MigrationPlan
from awsauth.errors import EditError, PlanError, UsageError
from tests.support.changed import ADMIN, BOTH, DNS, MASTERS, PREFIX, USERS, node, role, roles, user, users

if TYPE_CHECKING:
    from awsauth.core.entries.model import AuthenticationMode
    from awsauth.core.migration.plan import MigrationItem

ACCOUNT: Final = "111122223333"
CLUSTER: Final = f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/prod"
MADE: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
POLICY: Final = AccessPolicy("arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy")
NO_EVIDENCE: Final = NodeEvidence()
CONFIG_MAP: Final = EntriesState("CONFIG_MAP")


def known(*arns: str, **more: Any) -> MigrationFacts:
    """Return the facts of a cluster whose mappings' principals have these ARNs in IAM."""
    real = {arn: FoundPrincipal(arn, MADE) for arn in arns}
    facts = {"cluster": CLUSTER, "iam": IamFacts({}, {}, real), "evidence": NO_EVIDENCE}
    return MigrationFacts(**{**facts, **more})


def item(
    document: Document, facts: MigrationFacts | None = None, state: EntriesState = CONFIG_MAP, **choices: Any
) -> MigrationItem:
    """Return the only item of a plan, by default with all principals known as written."""
    mapped = [one.principal for key in ("mapRoles", "mapUsers") for one in document.reading(key).mapped]
    [found] = migration_plan(document, state, facts or known(*mapped), MigrationChoices(**choices)).items
    return found


def entry(name: str, username: str, *groups: str, policies: tuple[AccessPolicy, ...] = ()) -> AccessEntry:
    return AccessEntry(f"{PREFIX}/{name}", "STANDARD", username, groups, policies)


@pytest.mark.parametrize("username", ["ci", "ci:{{SessionName}}", "a:b{{SessionNameRaw}}", "arn:x", "System:x"])
def test_a_mapping_that_an_entry_can_have_is_equal(username: str) -> None:
    found = item(roles(role("ci", username, "builders", "builders", "system:authenticated", "")))
    assert (found.verdict, found.differs, found.unproven, found.rbac) == ("equal", (), "", ())
    assert found.entry == entry("ci", username, "builders")


@pytest.mark.parametrize(
    ("username", "problem"),
    [
        ("system:x", "EKS accepts no username"),
        ("eks:x", "EKS accepts no username"),
        ("aws:x", "EKS accepts no username"),
        ("amazon:x", "EKS accepts no username"),
        ("iam:x", "EKS accepts no username"),
        ("{{SessionName}}", "EKS accepts no username"),
        ("x-{{SessionNameRaw}}:y", "EKS accepts no username"),
    ],
)
def test_a_username_that_eks_refuses_needs_another(username: str, problem: str) -> None:
    document = roles(role("ci", username, "builders"))
    found = item(document)
    assert (found.verdict, found.entry, found.blocks_api) == ("needs-choice", None, True)
    assert problem in found.reason
    facts = known(f"{PREFIX}/ci")
    chosen = item(document, facts, usernames={f"{PREFIX}/ci": "people:{{SessionName}}"})
    assert chosen.entry == entry("ci", "people:{{SessionName}}", "builders")
    assert username in chosen.differs[0]
    assert item(document, facts, usernames={f"{PREFIX}/ci": username}).verdict == "needs-choice"


def test_an_empty_username_becomes_that_of_eks() -> None:
    found = item(roles(role("ci", "")), known(f"{PREFIX}/team/ci", iam=_real({"ci": "team/ci"})))
    assert found.entry
    assert found.entry.username == f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/{{{{SessionName}}}}"
    assert found.entry.principal_arn == f"{PREFIX}/team/ci"
    of_user = item(users(user("team/anna", "")))
    assert of_user.entry
    assert of_user.entry.username == f"{USERS}/team/anna"
    # Without the bindings in RBAC it is not known what else the new name gets.
    assert (found.verdict, found.blocks_api) == ("same-reach", True)


def _real(names: dict[str, str]) -> IamFacts:
    return IamFacts(
        {}, {}, {f"{PREFIX}/{name}": FoundPrincipal(f"{PREFIX}/{real}", MADE) for name, real in names.items()}
    )


@pytest.mark.parametrize(
    "mapping",
    [
        role("ci", "a:{{AccountID}}"),
        role("ci", "a:{{AccessKeyID}}"),
        role("ci", "ci", "team:{{SessionName}}"),
        role("ci", "x:{{EC2PrivateDNSName}}"),
        role("ci", "{{ SessionName }}"),
    ],
)
def test_templates_that_aws_does_not_document_are_not_assumed(mapping: dict[str, Any]) -> None:
    found = item(roles(mapping))
    assert (found.verdict, found.entry) == ("needs-choice", None)
    allowed = item(roles(mapping), accept=[f"unproven={PREFIX}/ci"])
    assert allowed.verdict == "different"
    assert allowed.entry == entry("ci", mapping["username"], *mapping["groups"])


def test_a_users_session_has_no_name() -> None:
    assert item(users(user("anna", "x:{{SessionName}}"))).verdict == "needs-choice"


def test_masters_become_the_policy_and_keep_their_other_groups() -> None:
    document = roles(role("admin", "admin", MASTERS, "auditors"))
    plan = migration_plan(document, CONFIG_MAP, known(f"{PREFIX}/admin"))
    [found] = plan.items
    assert found.verdict == "same-reach"
    assert found.entry == entry("admin", "admin", "auditors", policies=(POLICY,))
    assert str(plan).count("RBAC and authorization webhooks") == 1
    china = roles({**ADMIN, "rolearn": "arn:aws-cn:iam::111122223333:role/admin"})
    found = item(china, known("arn:aws-cn:iam::111122223333:role/admin"))
    assert found.entry
    assert found.entry.policies[0].policy_arn.startswith("arn:aws-cn:eks::aws:cluster-access-policy/")


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (f"{PREFIX}/team/ci", "No caller"),
        ("arn:aws:sts::111122223333:assumed-role/ci/x", "No caller"),
        ("arn:aws:iam::111122223333:instance-profile/ci", "No caller"),
        (f"{PREFIX}/*", "No caller"),
        (f"{PREFIX}/AWSReservedSSO_Admin", "No caller"),
    ],
)
def test_a_mapping_that_matches_no_caller_gets_no_entry(arn: str, why: str) -> None:
    found = item(roles(role(arn)))
    assert (found.verdict, found.entry, found.blocks_api) == ("dead", None, False)
    assert why in found.reason


def test_a_principal_that_iam_does_not_have_gets_no_entry() -> None:
    found = item(roles(role("gone")), known(iam=IamFacts({f"{PREFIX}/gone": None})))
    assert (found.verdict, found.reason) == ("dead", "IAM has no such role or user.")
    moved = IamFacts({}, {}, {f"{USERS}/team/anna": FoundPrincipal(f"{USERS}/anna", MADE)})
    found = item(users(user("team/anna")), known(iam=moved))
    assert (found.verdict, found.blocks_api) == ("dead", False)


def test_the_last_of_several_mappings_counts() -> None:
    document = roles(role("ci", "first"), role("CI", "second"))
    first, second = migration_plan(document, CONFIG_MAP, known(f"{PREFIX}/ci")).items
    assert first.verdict == "dead"
    assert second.entry == entry("ci", "second")


def test_two_spellings_of_a_user_are_undefined_unless_they_are_the_same() -> None:
    document = users(user("anna", "a", "x"), user("Anna", "b"))
    facts = known(f"{USERS}/anna")
    assert {one.verdict for one in migration_plan(document, CONFIG_MAP, facts).items} == {"needs-choice"}
    same = users(user("anna", "a", "x", "y"), user("Anna", "a", "y", "x"))
    assert [one.verdict for one in migration_plan(same, CONFIG_MAP, facts).items] == ["equal", "dead"]


def test_a_path_that_is_not_known_is_said() -> None:
    other = "arn:aws:iam::444455556666:role/ci"
    facts = known(iam=IamFacts({}, {other: "IAM tells 111122223333 nothing about other accounts."}))
    found = item(roles(role(other, "ci")), facts)
    assert (found.verdict, found.blocks_api) == ("equal", True)
    assert found.entry
    assert found.entry.principal_arn == other
    assert "other accounts" in found.unproven
    named = item(roles(role(other, "ci")), facts, arns={other: "arn:aws:iam::444455556666:role/team/ci"})
    assert (named.unproven, named.blocks_api) == ("", False)
    assert named.entry
    assert named.entry.principal_arn == "arn:aws:iam::444455556666:role/team/ci"


def test_what_no_entry_can_replace_blocks_the_mode_api_until_it_is_given_up() -> None:
    impossible = [
        Document({"mapAccounts": '["444455556666"]'}),
        users({"userarn": f"arn:aws:iam::{ACCOUNT}:root", "username": "root"}),
        users({"userarn": f"arn:aws:sts::{ACCOUNT}:federated-user/x", "username": "x"}),
        roles(role("AWSServiceRoleForBatch", "batch")),
        roles(
            role("ci", "system:node:{{EC2PrivateDNSName}}", *BOTH) | {"rolearn": "arn:aws:iam::444455556666:role/ci"}
        ),
        roles(role("ci", "system:node:x", *BOTH)),
    ]
    for document in impossible:
        found = item(document)
        assert (found.verdict, found.entry, found.blocks_api) == ("impossible", None, True), found
        allowed = item(document, accept=[f"loses={found.mapped.principal}"])
        assert (allowed.verdict, allowed.entry, allowed.blocks_api) == ("different", None, False)
    strange = item(Document({"mapAccounts": '["*"]'}))
    assert (strange.verdict, strange.blocks_api) == ("dead", False)


@pytest.mark.parametrize(
    ("kind", "made"),
    [("ec2", "EC2_LINUX"), ("windows", "EC2_WINDOWS"), ("fargate", "FARGATE_LINUX"), ("hybrid", "HYBRID_LINUX")],
)
def test_nodes_get_an_entry_of_their_type(kind: Any, made: str) -> None:
    found = item(roles(node(kind=kind)))
    assert found.entry
    assert (found.verdict, found.entry.type) == ("same-reach", made)
    [lost] = found.differs
    assert lost == "The entry does not give `system:bootstrappers`."


def test_eks_makes_the_entries_of_node_groups_and_fargate_profiles() -> None:
    def evidence(who: str) -> NodeEvidence:
        return NodeEvidence.of([RoleUser(f"{PREFIX}/node", who)])

    for kind, who in (("ec2", "node group a (3 nodes)"), ("hybrid", "Fargate profile web")):
        found = item(roles(node(kind=kind)), known(f"{PREFIX}/node", evidence=evidence(who)))  # type: ignore[arg-type]
        assert (found.verdict, found.blocks_api) == ("eks-owned", True)
    assert item(roles(node()), known(f"{PREFIX}/node", evidence=evidence("2 instances"))).verdict == "same-reach"
    assert item(roles(node(kind="fargate")), known(f"{PREFIX}/node", evidence=None)).verdict == "eks-owned"


def test_other_groups_of_nodes_are_lost_only_if_that_is_allowed() -> None:
    document = roles(role("node", DNS, *BOTH, "pods"))
    found = item(document)
    assert (found.verdict, found.entry) == ("needs-choice", None)
    allowed = item(document, accept=[f"loses={PREFIX}/node"])
    assert allowed.verdict == "different"
    assert "`pods`" in allowed.differs[0]
    assert allowed.entry
    assert allowed.entry.type == "EC2_LINUX"


def test_a_role_that_no_node_has_is_dead_and_says_who_would_lose() -> None:
    found = item(roles(role("my-fargate", DNS, *BOTH)))
    assert (found.verdict, found.entry) == ("dead", None)
    assert found.differs


@pytest.mark.parametrize("mode", ["API_AND_CONFIG_MAP", "API"])
def test_a_present_entry_decides_already(mode: AuthenticationMode) -> None:
    later = MADE + timedelta(days=1)
    equal = AccessEntry(f"{PREFIX}/ci", "STANDARD", "ci", ("b", "a"), created=later)
    document = roles(role("ci", "ci", "a", "b"))
    found = item(document, None, EntriesState(mode, (equal,)))
    assert (found.verdict, found.entry, found.blocks_api) == ("present", equal, False)
    other = AccessEntry(f"{PREFIX}/ci", "STANDARD", "ci", ("b",), created=later)
    found = item(document, None, EntriesState(mode, (other,)))
    assert (found.verdict, found.blocks_api) == ("conflict", False)
    # It was made before its role: nobody gets in by it, and the mapping counts until the mode is API.
    stale = AccessEntry(f"{PREFIX}/ci", "STANDARD", "ci", ("a", "b"), created=MADE - timedelta(days=1))
    found = item(document, None, EntriesState(mode, (stale,)))
    assert (found.verdict, found.decided_by, found.blocks_api) == ("stale", "mapping", True)
    moved = AccessEntry(f"{PREFIX}/old/ci", "STANDARD", "ci", ("a", "b"), created=later)
    assert item(document, None, EntriesState(mode, (moved,))).blocks_api
    unsure = item(document, known(), EntriesState(mode, (equal,)))
    assert (unsure.verdict, unsure.blocks_api) == ("present", True)


def test_a_present_entry_for_nodes_is_equal_by_its_type() -> None:
    later = MADE + timedelta(days=1)
    by_eks = AccessEntry(f"{PREFIX}/node", "EC2_LINUX", DNS, ("system:nodes",), created=later)
    state = EntriesState("API_AND_CONFIG_MAP", (by_eks,))
    assert item(roles(node()), None, state).verdict == "present"
    standard = AccessEntry(f"{PREFIX}/node", "STANDARD", DNS, ("system:nodes",), created=later)
    assert item(roles(node()), None, EntriesState("API_AND_CONFIG_MAP", (standard,))).verdict == "conflict"


def test_in_the_mode_api_no_mapping_becomes_access() -> None:
    found = item(roles(role("ci", "ci")), None, EntriesState("API"))
    assert (found.verdict, found.entry) == ("dead", None)


def test_entries_that_could_not_be_listed_are_said() -> None:
    found = item(roles(role("ci", "ci")), None, EntriesState("API_AND_CONFIG_MAP", None))
    assert (found.verdict, found.unproven) == ("equal", "The access entries could not be listed.")


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"accept": ["loses"]}, "choice `loses`"),
        ({"accept": [f"everything={PREFIX}/ci"]}, "choice `everything"),
        ({"accept": [f"loses={PREFIX}/other"]}, "/other`"),
        ({"usernames": {f"{PREFIX}/other": "x"}}, "/other`"),
        ({"arns": {f"{PREFIX}/ci": f"{PREFIX}/team/other"}}, "/team/other`"),
    ],
)
def test_a_wrong_choice_is_refused(choices: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        item(roles(role("ci", "ci")), **choices)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"usernames": None}, "`None` as `usernames`"),
        ({"arns": {PREFIX: 7}}, "as `arns."),
        ({"accept": "loses"}, "as `accept`"),
        ({"administrators": "nobody"}, "as `administrators`"),
    ],
)
def test_choices_of_a_wrong_type_are_refused(given: dict[str, Any], said: str) -> None:
    migration = AwsAuthClient.in_memory().migration(MigrationChoices(**given))
    with pytest.raises(UsageError, match=said):
        migration.plan()


@pytest.mark.parametrize("choices", [True, 0, "", (), {"usernames": {}}])
def test_choices_that_are_something_else_are_refused(choices: Any) -> None:
    with pytest.raises(UsageError, match="not MigrationChoices"):
        AwsAuthClient.in_memory().migration(choices)


def test_a_text_with_an_uncertain_meaning_is_not_planned() -> None:
    with pytest.raises(EditError, match="mapAccounts"):
        migration_plan(Document({"mapAccounts": "- !!int x\n"}), CONFIG_MAP, known())


def test_administrators_are_last_and_steps_have_their_order() -> None:
    document = roles(ADMIN, node(), role("ci", "ci"), role("x", "x", "system:monitoring"))
    names = [f"{PREFIX}/{name}" for name in ("admin", "node", "ci", "x")]
    plan = migration_plan(document, CONFIG_MAP, known(*names))
    assert [one.principal_arn.rpartition("/")[2] for one in plan.entries] == ["ci", "x", "node", "admin"]
    assert [step.split(" ")[0] for step in plan.steps] == ["Switch", "Make", "Switch"]
    by_group = migration_plan(document, CONFIG_MAP, known(*names), MigrationChoices(administrators="group"))
    assert by_group.entries[-1].principal_arn == f"{PREFIX}/admin"
    assert "authorization webhooks" not in str(by_group)
    assert plan.steps[-1].endswith("access: 1.")
    text = str(plan)
    assert text.index("equal:") < text.index("same-reach:") < text.index("Steps")
    assert "Plan again" in text
    assert text.count(f"`{PREFIX}/ci`: ") == 1


def test_a_plan_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(PlanError, match="not a plan of `awsauth migrate plan`"):
        MigrationPlan.from_text('{"migration":' + "[" * 100_000)


def test_an_entry_that_could_not_be_read_blocks() -> None:
    arn = f"{PREFIX}/dev"
    unread = EntriesState("API_AND_CONFIG_MAP", (AccessEntry(arn),))
    found = item(roles(role("dev", "dev")), known(arn), unread)
    assert (found.decided_by, found.blocks_api) == ("entry", True)


@pytest.mark.parametrize(("proven", "said"), [(True, "shows"), (False, "does not show"), (None, "")])
def test_an_item_says_what_a_new_token_has_shown(proven: bool | None, said: str) -> None:  # noqa: FBT001
    found = replace(item(roles(role("dev", "dev"))), proven=proven)
    assert (f"A new token {said} this access." in str(found)) == (proven is not None)
    assert ("A new token" in str(found)) == (proven is not None)


def test_choices_that_fit_no_mapping_are_told_in_order() -> None:
    accept = [f"loses={PREFIX}/{name}" for name in "gfedcba"]
    told = r", ".join(f"`loses={PREFIX}/{name}`" for name in "abcdefg")
    with pytest.raises(UsageError, match=told):
        item(roles(role("dev", "dev")), accept=accept)
