"""Where a cluster looks at access entries, an entry wins over the mapping, and the explanation says so."""

from __future__ import annotations

import pytest

import awsauth
from awsauth.core.entries.model import AccessEntry, AccessPolicy, EntriesState
from awsauth.core.explain.explain import add_entries

ROLE = "arn:aws:iam::111122223333:role/ci"
DOCUMENT = awsauth.Document({"mapRoles": f"- rolearn: {ROLE}\n  username: ci\n  groups: [builders]\n"})
ENTRY = AccessEntry(
    "arn:aws:iam::111122223333:role/team/ci",
    "STANDARD",
    "ci:{{SessionName}}",
    ("deployers",),
    (AccessPolicy("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"),),
)
PLAIN = awsauth.explain(DOCUMENT, f"{ROLE.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/build")


def test_without_a_mode_nothing_is_different() -> None:
    assert add_entries(PLAIN, EntriesState("CONFIG_MAP", (ENTRY,))) == PLAIN
    assert add_entries(PLAIN, EntriesState(None, (ENTRY,))).verdict == "depends"


def test_an_entry_wins_for_its_principal_whatever_its_path() -> None:
    found = add_entries(PLAIN, EntriesState("API_AND_CONFIG_MAP", (ENTRY,)))
    assert (found.verdict, found.username, found.groups) == ("let-in", "ci:build", ("deployers",))
    assert "mapRoles: not read, because the access entry decides." in str(found)
    assert "AmazonEKSViewPolicy" in str(found)


def test_without_an_entry_the_mapping_counts_while_the_cluster_looks_at_it() -> None:
    found = add_entries(PLAIN, EntriesState("API_AND_CONFIG_MAP", ()))
    assert (found.username, found.groups) == ("ci", ("builders",))
    assert "access entries: the caller has none." in str(found)


def test_without_an_entry_nobody_gets_in_where_the_cluster_does_not_look_at_aws_auth() -> None:
    found = add_entries(PLAIN, EntriesState("API", ()))
    assert (found.verdict, found.outcomes, found.changes) == ("not-mapped", (), ())
    assert "does not use aws-auth" in str(found)


def test_what_is_not_known_of_the_caller_stays_visible() -> None:
    found = add_entries(awsauth.explain(DOCUMENT, ROLE), EntriesState("API", (ENTRY,)))
    assert found.outcomes[0].username == "ci:{{SessionName}}"
    assert found.outcomes[0].unresolved == ("{{SessionName}}",)


def test_an_entry_that_could_not_be_read_decides_and_nobody_knows_how() -> None:
    found = add_entries(PLAIN, EntriesState("API_AND_CONFIG_MAP", (AccessEntry(ROLE),)))
    assert (found.verdict, found.username, found.outcomes) == ("depends", None, ())
    assert "it could not be read" in str(found)


@pytest.mark.parametrize(
    ("session", "verdict"), [("i-0123456789abcdef0", "let-in"), ("build", "refused"), (None, "depends")]
)
def test_an_entry_for_nodes_admits_instances_only(session: str | None, verdict: str) -> None:
    entry = AccessEntry(ROLE, "EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", ("system:nodes",))
    plain = awsauth.explain(DOCUMENT, awsauth.Caller(ROLE, session_name=session))
    assert add_entries(plain, EntriesState("API", (entry,))).verdict == verdict


def test_a_refused_entry_is_final() -> None:
    """The authenticator does not go on to the mapping."""
    entry = AccessEntry(ROLE, "EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", ("system:nodes",))
    found = add_entries(PLAIN, EntriesState("API_AND_CONFIG_MAP", (entry,)))
    assert (found.verdict, found.username) == ("refused", None)
    assert "rendering: it fails, and the authenticator tries no other entry." in str(found)
