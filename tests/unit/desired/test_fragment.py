"""Fragments: what they hold, and the place of each fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from awsauth.core.desired.fragment import Fragment, combined
from awsauth.core.document.document import Document
from awsauth.errors import FragmentError, UsageError
from tests.support.json_schemas import check_json

ROLE = "arn:aws:iam::111122223333:role/ci"
GOOD = f"""owner: team-a  # us
reason: release 42
mapRoles:
- rolearn: {ROLE}
  username: ci
  groups: [builders]
- rolearn: deployer
  username: deployer
- permissionset: Admins
  username: admin
mapUsers:
mapAccounts: [012345678901]
"""


def test_a_fragment_holds_the_lists_of_aws_auth() -> None:
    fragment = Fragment.from_text(GOOD)
    assert fragment.owner == "team-a"
    assert fragment.accounts == ("012345678901",)
    named = combined([fragment], lambda role: f"arn:aws:iam::111122223333:role/{getattr(role, 'rolearn', 'sso')[-2:]}")
    assert list(named["team-a"]) == [
        f"role/{ROLE}",
        f"role/{ROLE[:-2]}er",
        f"role/{ROLE[:-2]}so",
        "account/012345678901",
    ]
    assert combined([fragment])["team-a"]["account/012345678901"].place == "line 12, column 15"


def test_json_and_python_say_the_same() -> None:
    values = {"owner": "a", "mapRoles": [{"rolearn": ROLE, "username": "ci", "groups": []}]}
    assert Fragment.from_text(json.dumps(values)) == Fragment(**values)
    assert Fragment(owner="a", roles=[{"rolearn": ROLE, "username": "ci"}]) == Fragment(**values)


FAULTS: list[tuple[str | bytes, str, str]] = [
    ("", "is empty", "a.yaml"),
    ("# nothing\n", "is empty", "a.yaml"),
    ("- owner: a\n", "no mapping", "line 1, column 1"),
    ("mapRoles: []\n", "lacks `owner`", "line 1, column 1"),
    ("\nowner: Team A\n", "which is not 1 to 50", "line 2, column 1"),
    ("owner: a\nmaproles: []\n", "unknown field `maproles`", "line 2, column 1"),
    (
        f"owner: a\nmapRoles:\n- rolearn: {ROLE}\n  username: ci\n  group: [g]\n",
        r"`mapRoles\[0\].group`",
        "line 5, column 3",
    ),
    (f"owner: a\nmapRoles:\n- rolearn: {ROLE}\n", r"lacks `mapRoles\[0\].username`", "line 3, column 3"),
    ("owner: a\nmapRoles: |\n  - rolearn: x\n", "is not a list", "line 2, column 1"),
    (f"owner: a\nmapRoles:\n- rolearn: [{ROLE}]\n  username: ci\n", "is not text", "line 3, column 3"),
    ("owner: a\nmapRoles:\n- ci\n", "is not a mapping with fields", "line 3, column 3"),
    (
        "owner: a\nmapRoles:\n- rolearn: arn:aws:iam::1:role/x\n  username: ci\n",
        "does not have an account",
        "line 3, column 3",
    ),
    ("owner: a\nowner: b\n", "field `owner` twice", "line 2, column 1"),
    ("owner: &a a\nreason: *a\n", "alias", "line 2, column 9"),
    ('{"owner": "a", "owner": "b"}', "field `owner` twice", "line 1, column 16"),
    (b"\x89PNG\r\n\x1a\n\x00\xff", "not text in UTF-8", "a.yaml"),
    ("owner: a\n\x00\n", "U[+]0000", "line 2, column 1"),
]


@pytest.mark.parametrize(("text", "message", "location"), FAULTS, ids=range(len(FAULTS)))
def test_a_fault_has_a_place(text: str | bytes, message: str, location: str) -> None:
    with pytest.raises(FragmentError, match=message) as raised:
        Fragment.from_text(text, "a.yaml")
    assert raised.value.location.startswith("a.yaml")
    assert raised.value.location.endswith(location)
    assert raised.value.hint


def test_several_faults_are_said_together() -> None:
    with pytest.raises(FragmentError) as raised:
        Fragment.from_text("owner: A\nmapAccounts: [1]\n", "a.yaml")
    assert raised.value.location == "a.yaml, line 1, column 1 and line 2, column 15"


def test_the_first_of_many_faults_are_said_and_the_others_are_counted() -> None:
    accounts = [f"x{number}" for number in range(5_000)]
    text = json.dumps({"owner": "a", "mapAccounts": accounts})
    with pytest.raises(FragmentError, match=r"`mapAccounts\[9\]`.* and 4990 more") as raised:
        Fragment.from_text(text, "a.json")
    assert len(str(raised.value)) < 4000
    with pytest.raises(FragmentError, match=r"and 490 more") as raised:
        Fragment.from_text(json.dumps({"owner": "a", "mapAccounts": accounts[:500]}, indent=0), "a.json")
    assert raised.value.location.endswith("line 13, column 1 and 490 more")


def test_json_has_a_limit() -> None:
    with pytest.raises(FragmentError, match="too large: JSON may have 4 MiB"):
        Fragment.from_text('{"owner": "a"' + " " * (4 * 2**20) + "}")


@pytest.mark.parametrize("text", [None, 1, ["owner: a"]])
def test_a_text_that_is_neither_text_nor_bytes_is_refused(text: Any) -> None:
    with pytest.raises(UsageError, match=r"^text is "):
        Fragment.from_text(text)


def entries(count: int) -> list[dict[str, Any]]:
    return [{"rolearn": f"{ROLE}-{n}", "username": f"ci-{n}", "groups": ["builders"]} for n in range(count)]


def test_ten_thousand_entries_are_read_as_json_and_refused_as_yaml() -> None:
    values = {"owner": "a", "mapRoles": entries(10_000)}
    assert len(combined([Fragment.from_text(json.dumps(values))])["a"]) == 10_000
    text = "owner: a\nmapRoles:\n" + "".join(f"- rolearn: {ROLE}-{n}\n  username: ci\n" for n in range(10_000))
    with pytest.raises(FragmentError, match="256 KiB") as raised:
        Fragment.from_text(text)
    assert "several files may have one owner" in raised.value.hint


def test_a_principal_has_one_entry_and_one_owner() -> None:
    one = Fragment.from_text(f"owner: a\nmapRoles:\n- rolearn: {ROLE}\n  username: ci\n", "one.yaml")
    for owner, said in (("a", "by the owner a"), ("b", "by the owners a and b")):
        other = Fragment.from_text(
            f"owner: {owner}\nmapRoles:\n- rolearn: {ROLE.replace('ci', 'path/CI')}\n  username: x\n", "two.yaml"
        )
        with pytest.raises(FragmentError, match=f"listed twice, {said}") as raised:
            combined([one, other])
        assert raised.value.location == "one.yaml, line 3, column 3 and two.yaml, line 3, column 3"


def test_files_of_one_owner_go_together() -> None:
    found = combined([Fragment(owner="a", accounts=["111122223333"]), Fragment(owner="a", accounts=["222233334444"])])
    assert list(found["a"]) == ["account/111122223333", "account/222233334444"]


MANIFEST = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata:\n  mapRoles: |\n    - rolearn: {ROLE}\n      username: ci\n"


def test_a_manifest_with_an_owner_is_a_fragment() -> None:
    fragment = Fragment.from_text(MANIFEST, owner="a")
    assert fragment == Fragment(owner="a", roles=[{"rolearn": ROLE, "username": "ci"}])
    with pytest.raises(FragmentError, match="lacks `owner`"):
        Fragment.from_text(MANIFEST)
    with pytest.raises(FragmentError, match="cannot be read whole"):
        Fragment.from_text(f"{MANIFEST}    - username: nobody\n", owner="a")
    with pytest.raises(FragmentError, match="`sso` entry"):
        Fragment.from_document(
            Document({"mapRoles": "- sso: {permissionSetName: x, accountID: '111122223333'}\n  username: x\n"}), "a"
        )


def test_a_fragment_of_another_owner_is_refused() -> None:
    assert Fragment.from_text("owner: a\n", owner="a").owner == "a"
    with pytest.raises(FragmentError, match="is of the owner `'b'`, not of `a`"):
        Fragment.from_text("owner: b\n", owner="a")


def test_a_fragment_fits_its_schema_and_a_wrong_one_does_not() -> None:
    check_json("fragment.json", {"owner": "a", "mapRoles": [{"permissionset": "x", "username": "y"}, *entries(1)]})
    for wrong in ({"owner": "A"}, {}, {"owner": "a", "mapRoles": [{"rolearn": ROLE}]}, {"owner": "a", "roles": []}):
        with pytest.raises(AssertionError):
            check_json("fragment.json", wrong)
