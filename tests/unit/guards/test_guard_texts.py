"""The findings of guards in full: what goes, what that does, and the way out that fits the source of the access."""

from __future__ import annotations

import pytest

from awsauth.core.document.document import Document
from awsauth.core.entries.model import AccessEntry
from awsauth.core.guards.context import GuardContext
from awsauth.core.guards.guards import run_guards
from tests.support.access_entries import ADMIN_POLICY, EDIT, VIEW, changes, entry, nodes
from tests.support.changed import ADMIN, BOTH, DNS, MASTERS, PREFIX, node, role, roles

BOSS = entry("boss", ADMIN_POLICY)
ME, CI, NODE = (f"{PREFIX}/{name}" for name in ("me", "ci", "node"))
OF_BOSS = GuardContext(caller_arn=BOSS.principal_arn)
ACCOUNT = Document({"mapAccounts": '["111122223333"]'})
NOTHING = Document({})


def by_mappings(before: Document, after: Document, context: GuardContext) -> list[str]:
    return [str(one) for one in run_guards(before, after, context) if "does not map you" not in one.message]


def by_entries(
    before: list[AccessEntry], after: list[AccessEntry], document: Document = NOTHING, caller: str | None = None
) -> list[str]:
    """Return the findings about a change of entries beside `BOSS`, who makes it by default."""
    context = GuardContext(
        caller_arn=caller or BOSS.principal_arn,
        authentication_mode="API_AND_CONFIG_MAP",
        access_entries=(BOSS, *before),
        entry_diffs=changes([BOSS, *before], [BOSS, *after]),
    )
    return by_mappings(document, document, context)


@pytest.mark.parametrize(
    ("after", "context", "text"),
    [
        (
            roles(),
            OF_BOSS,
            (
                f"`{NODE}` is the role of nodes, and its mapping is removed. "
                "Nodes with this role become NotReady; it is unknown whether there are any. "
                f"Leave the mapping as it is while nodes use it. To proceed, allow node-mapping={NODE}."
            ),
        ),
        (
            roles(role("node", "x", *BOTH)),
            OF_BOSS._replace(nodes={NODE: "in use"}, node_reasons={f"{PREFIX}/path/node": "instance i-1"}),
            (
                f"`{NODE}` is the role of nodes, and its username changes from `{DNS}` to `x`. "
                "Nodes have this role (instance i-1). They become NotReady, and no new node can join. "
                f"Leave the mapping as it is while nodes use it. To proceed, allow node-mapping={NODE}."
            ),
        ),
        (
            roles(role("node", DNS)),
            OF_BOSS,
            (
                f"`{NODE}` is the role of nodes, and it loses the groups `{BOTH[0]}`, `{BOTH[1]}`, which nodes need. "
                "Nodes with this role become NotReady; it is unknown whether there are any. "
                f"Leave the mapping as it is while nodes use it. To proceed, allow node-mapping={NODE}."
            ),
        ),
    ],
    ids=["removed", "username", "groups"],
)
def test_the_loss_of_nodes(after: Document, context: GuardContext, text: str) -> None:
    assert by_mappings(roles(node()), after, context) == [text]


def test_the_loss_of_nodes_by_an_entry() -> None:
    assert by_entries([nodes("node")], []) == [
        (
            f"`{NODE}` is the role of nodes, and its access entry is removed. "
            "Nodes with this role become NotReady; it is unknown whether there are any. "
            f"Leave its access as it is while nodes use it. To proceed, allow node-mapping={NODE}."
        )
    ]


def test_the_loss_of_own_access() -> None:
    mine = roles(role("me", "me", "a", "b"), ADMIN)
    end = f"as it is. To proceed, allow own-access={ME}."
    ask = "You may not be able to undo the change. Ask another administrator to make the change, or leave your own"
    assert by_mappings(mine, roles(role("me", "me"), ADMIN), GuardContext(caller_arn=ME)) == [
        f"You (`{ME}`) lose the groups `a`, `b`. {ask} mapping {end}"
    ]
    assert by_entries([entry("me", ADMIN_POLICY)], [entry("me")], caller=ME) == [
        f"You (`{ME}`) lose the right `{MASTERS}`. {ask} access entry {end}"
    ]
    assert by_entries([entry("me")], [], caller=ME) == [
        f"You (`{ME}`) no longer have access after the change. {ask} access entry {end}"
    ]


def test_the_loss_of_access_of_an_unknown_caller() -> None:
    change = changes([BOSS, entry("ci")], [BOSS])
    entries = GuardContext(authentication_mode="API", access_entries=(BOSS, entry("ci")), entry_diffs=change)
    check = "Your own access was not checked. Make sure that you do not need the removed"
    unknown = f"The change takes access away, and the caller is unknown. {check}"
    assert by_mappings(NOTHING, NOTHING, entries) == [f"{unknown} access entries."]
    assert by_mappings(roles(role("a")), roles(), GuardContext()) == [f"{unknown} mappings."]
    assert by_mappings(roles(role("a")), roles(), GuardContext(caller_username="admin")) == [
        f"Your access does not come from aws-auth. {check} mappings."
    ]


def test_the_loss_of_the_last_administrator_by_an_entry() -> None:
    context = GuardContext(
        caller_arn=ME, authentication_mode="API", access_entries=(BOSS,), entry_diffs=changes([BOSS], [])
    )
    assert by_mappings(NOTHING, NOTHING, context) == [
        (
            f"`{BOSS.principal_arn}` is no longer an administrator after the change, and no other one is left. "
            "After that, only the EKS API can repair the cluster's access. "
            "Give the policy AmazonEKSClusterAdminPolicy to another principal first. "
            f"To proceed, allow last-admin={BOSS.principal_arn}."
        )
    ]


def test_the_gain_by_a_mapping_names_the_policies_in_their_order() -> None:
    policies = [f"{name}={space}" for name in (VIEW, EDIT) for space in ("c", "b", "a")]
    [text] = by_entries([entry("ci", *policies)], [], roles(role("ci", "y", MASTERS)))
    edit, view = ("`, `".join(f"{name} in {space}" for space in "abc") for name in (EDIT, VIEW))
    assert text == (
        f"`{CI}` gets username `y`, group `{MASTERS}`; before the change username `x`, groups `{edit}`, `{view}`. "
        "The change deletes its access entry, and its access by mapRoles counts from then on. "
        "Remove its access by mapRoles first, or change the access entry instead of deleting it. "
        f"To proceed, allow gains={CI}."
    )


def test_the_gain_by_an_account() -> None:
    before = Document({**roles(role("ci", "ci")).data, **ACCOUNT.data})
    [text] = by_mappings(before, ACCOUNT, OF_BOSS)
    assert "Remove the account too if it is not meant to have access. To proceed" in text


def test_a_return_of_removed_access() -> None:
    before, context = roles(ADMIN), OF_BOSS._replace(is_rollback=True)
    end = (
        "back, which another writer has removed since. If that writer removed the access on purpose, the principal "
        "has it again. Remove it again in the same change, or leave the principal as it is. To proceed, allow regrant="
    )
    again = roles(ADMIN, role("ci", "ci", "b", "a"))
    whole, of_groups = (context._replace(regranted={CI: groups}) for groups in ((), ("a", "b")))
    assert by_mappings(before, again, whole) == [f"`{CI}` gets its mapping {end}{CI}."]
    assert by_mappings(before, again, of_groups) == [f"`{CI}` gets the groups `a`, `b` {end}{CI}."]


@pytest.mark.parametrize(
    ("before", "after", "present", "texts"),
    [
        (
            roles(role("ci")),
            roles(),
            entry("ci"),
            [
                (
                    f"`{CI}` keeps its access: it has an access entry. The change has no effect on it. "
                    f"The entry: username `x`. Delete the entry too, to remove its access: `awsauth entry remove {CI}`."
                )
            ],
        ),
        (
            roles(role("ci")),
            roles(role("ci", "y")),
            entry("ci"),
            [
                (
                    f"`{CI}` has an access entry, which wins over its mapping. The change has no effect on it. "
                    "The entry: username `x`."
                )
            ],
        ),
        (
            roles(node("ci")),
            roles(),
            nodes("ci"),
            [
                (
                    f"`{CI}` keeps its access: it has an access entry. The change has no effect on it. "
                    "The entry: nodes of type EC2_LINUX."
                )
            ],
        ),
    ],
    ids=["removed", "changed", "nodes"],
)
def test_an_entry_that_decides(before: Document, after: Document, present: AccessEntry, texts: list[str]) -> None:
    context = OF_BOSS._replace(authentication_mode="API_AND_CONFIG_MAP", access_entries=(BOSS, present))
    assert by_mappings(before, after, context) == texts


def test_a_mapping_beside_an_entry() -> None:
    document = roles(role("ci", "x"))
    assert by_entries([entry("ci", groups=("g",))], [], document) == [
        (
            f"`{CI}` keeps access: its mapping counts without its access entry. "
            "The mapping is to `x`; its groups: none. Remove the mapping too, to remove the access."
        )
    ]
    assert by_entries([], [entry("ci", username="y")], document) == [
        (
            f"The new access entry of `{CI}` overrides its mapping, and gives other access. "
            "The mapping is to `x`; its groups: none. "
            "Give the entry the access of the mapping too, if it is meant to stay."
        )
    ]
