"""Manifests of objects that the authenticator does not read, and keys that stand twice in one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import awsauth
from awsauth.core.access.matching import Access
from awsauth.core.findings import Severity
from awsauth.core.manifest.manifest import Manifest
from tests.support.command_line import run

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::111122223333:role/ci"
RIGHT = f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    - rolearn: {ROLE}
      username: ci
"""
UNREAD = {
    "another namespace": (RIGHT.replace("kube-system", "default"), 5, "`default/aws-auth`"),
    "a misspelt namespace": (RIGHT.replace("kube-system", "kube-sytem"), 5, "`kube-sytem/aws-auth`"),
    "a namespace in other letters": (RIGHT.replace("kube-system", '"Kube-System"'), 5, "`Kube-System/aws-auth`"),
    "a name with a suffix": (RIGHT.replace("aws-auth", "aws-auth-cm"), 4, "`aws-auth-cm`"),
    "a name in other letters": (RIGHT.replace("name: aws-auth", "name: AWS-Auth"), 4, "`AWS-Auth`"),
    "a name with an underscore": (RIGHT.replace("aws-auth", "aws_auth"), 4, "`aws_auth`"),
    "another version": (RIGHT.replace("apiVersion: v1", "apiVersion: v1beta1"), 1, "`v1beta1`"),
    "data with a capital": (RIGHT.replace("\ndata:", "\nData:"), 6, "`Data`"),
    "data as in a Secret": (RIGHT.replace("\ndata:", "\nstringData:"), 6, "`stringData`"),
    "in a List": (
        "items:\n- kind: ConfigMap\n  metadata: {name: aws-auth, namespace: default}\n  data: {mapRoles: ''}\nkind: List\n",
        3,
        "`default/aws-auth`",
    ),
    "as JSON": (
        '{"kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "x"}, "data": {"mapRoles": ""}}',
        1,
        "`x/aws-auth`",
    ),
}
READ = {
    "as it should be": RIGHT,
    "in quotes": RIGHT.replace("kube-system", "'kube-system'"),
    "data alone": RIGHT[RIGHT.index("\ndata:") :],
    "keys alone": "mapRoles: |\n  []\n",
    "a template": RIGHT.replace("namespace: kube-system", 'namespace: "{{ .Release.Namespace }}"'),
    "in a List": "kind: List\nitems:\n- kind: ConfigMap\n  metadata: {name: aws-auth, namespace: kube-system}\n  data: {}\n",
    "with labels": RIGHT.replace("\ndata:", "\n  labels: {stringData: x}\ndata:"),
    "another object beside it": RIGHT + "---\nkind: Secret\nmetadata: {name: x}\nstringData: {a: b}\n",
}


def codes(text: str) -> list[str]:
    return [finding.code for finding in Manifest.parse(text).findings]


@pytest.mark.parametrize("case", UNREAD)
def test_an_object_that_the_authenticator_does_not_read_is_an_error(case: str) -> None:
    text, line, said = UNREAD[case]
    [finding] = Manifest.parse(text).findings
    assert (finding.code, finding.severity, finding.location and finding.location.line) == (
        "unread-object",
        Severity.ERROR,
        line,
    )
    assert said in finding.message


@pytest.mark.parametrize("case", READ)
def test_an_object_that_it_reads_is_not_told(case: str) -> None:
    assert codes(READ[case]) == []


@pytest.mark.parametrize("case", [case for case in UNREAD if "\n" in UNREAD[case][0]])
def test_the_hint_makes_it_one_that_is_read(case: str) -> None:
    text, _, _ = UNREAD[case]
    [finding] = Manifest.parse(text).findings
    field, _, value = finding.hint.split("`")[1].partition(":")
    assert finding.location
    lines = text.splitlines()
    lines[finding.location.line - 1] = lines[finding.location.line - 1].replace(
        finding.location.text, value.strip() or field
    )
    assert codes("\n".join(lines)) == []


def test_a_manifest_without_a_namespace_is_a_warning() -> None:
    [finding] = Manifest.parse(RIGHT.replace("  namespace: kube-system\n", "")).findings
    assert (finding.code, finding.severity) == ("no-namespace", Severity.WARNING)
    assert finding.location
    assert finding.location.line == 4


@pytest.mark.parametrize(
    "text",
    [
        RIGHT.replace("ConfigMap", "Secret"),
        RIGHT.replace("ConfigMap", "Secret").replace("\ndata:", "\nstringData:").replace("aws-auth", "x"),
        RIGHT.replace("ConfigMap", "Configmap"),
        RIGHT.replace("ConfigMap", "SealedSecret"),
        RIGHT.replace("ConfigMap", "config-map"),
    ],
)
def test_an_object_of_another_kind_is_refused_by_its_kind(text: str) -> None:
    with pytest.raises(awsauth.ManifestError, match="The authenticator reads only a ConfigMap") as refused:
        Manifest.parse(text)
    assert "Write `kind: ConfigMap`" in refused.value.hint


def test_a_change_to_an_object_that_is_not_read_is_allowed_by_name(tmp_path: Path) -> None:
    path = tmp_path / "aws-auth.yaml"
    path.write_text(RIGHT.replace("kube-system", "default"), encoding="utf-8")
    client = awsauth.AwsAuthClient.from_file(path)
    with pytest.raises(awsauth.GuardError, match="unread-object"):
        client.add_account_mapping("111122223333")
    assert client.add_account_mapping("111122223333", allow=["unread-object"]).changed
    done = run("check", "--file", str(path), "--fail-on", "error")
    assert (done.code, f"{path}:5:14: error unread-object" in done.out) == (1, True)


NODES = "  mapRoles: |\n    - rolearn: arn:aws:iam::111122223333:role/n\n      username: nodes # why\n"
USERS = "  mapUsers: |\n    - userarn: arn:aws:iam::111122223333:user/u\n      username: u\n"
TOP = "apiVersion: v1\nkind: ConfigMap\n"
META = "metadata:\n  name: aws-auth\n  namespace: kube-system\n"
TWICE = {
    "appended": f"data:\n{NODES}{TOP}{META}data:\n{USERS}",
    "side by side": f"{TOP}{META}data:\n{NODES}data:\n{USERS}",
    "with a comment": f"{TOP}data:\n# the nodes\n{NODES}{META}data: # more\n{USERS}",
    "three times": f"data:\n{NODES}{TOP}data:\n  mapAccounts: '[]'\n{META}data:\n{USERS}",
    "with Windows' line ends": f"{TOP}{META}data:\n{NODES}data:\n{USERS}".replace("\n", "\r\n"),
}
NOT_MERGED = {
    "a key in both": f"data:\n{NODES}{TOP}{META}data:\n{NODES}{USERS}",
    "other indents": f"data:\n  {NODES.replace(chr(10), chr(10) + '  ').rstrip(' ')}{TOP}{META}data:\n{USERS}",
    "a key of the data": f"{TOP}{META}data:\n{USERS}{USERS}",
    "as JSON": '{"kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system"}, '
    '"data": {"mapRoles": ""}, "data": {"mapUsers": ""}}',
    "another key of its own": f"data:\n  mine: x\n{TOP}{META}data:\n{USERS}",
}


@pytest.mark.parametrize("case", TWICE)
def test_two_data_keys_are_an_error_and_put_together_by_the_fix(case: str, tmp_path: Path) -> None:
    path = tmp_path / "aws-auth.yaml"
    path.write_bytes(TWICE[case].encode())
    client = awsauth.AwsAuthClient.from_file(path)
    found = [finding for finding in client.check() if finding.code == "repeated-data-key"]
    assert {finding.severity for finding in found} == {Severity.ERROR}
    with pytest.raises(awsauth.GuardError, match="repeated-data-key"):
        client.add_account_mapping("111122223333")
    client.apply(awsauth.fixes(client.read(), found))
    after = Manifest.parse(path.read_bytes().decode())
    assert after.findings == ()
    assert {"mapRoles", "mapUsers"} <= set(after.data)
    lines, before = after.text.splitlines(), TWICE[case].splitlines()
    assert [line for line in lines if line.startswith("data:")] == before[-1 - USERS.count("\n") :][:1]
    assert sorted(line for line in lines if not line.startswith("data:")) == sorted(
        line for line in before if not line.startswith("data:")
    )
    assert client.add_account_mapping("111122223333").changed


@pytest.mark.parametrize("case", NOT_MERGED)
def test_data_keys_that_cannot_be_put_together_are_left(case: str) -> None:
    manifest = Manifest.parse(NOT_MERGED[case])
    [finding, *_] = manifest.findings
    assert (finding.code, finding.fix) == ("repeated-data-key", ())


FIRST = f"{TOP}{META}data:\n{NODES}{USERS}"
SAME_MAP = "  mapUsers: |\n    - {userarn: 'arn:aws:iam::111122223333:user/u', username: u}\n"
COPIED = {
    "a key of the first alone": f"{TOP}{META}data:\n{NODES}{USERS}data:\n  mapUsers: '[]'\n",
    "a key in both with the same entries": f"{TOP}data:\n{NODES}{USERS}{META}data:\n{SAME_MAP}",
    "a key in both, empty in the first": f"data:\n{NODES}  mapUsers: ''\n{TOP}{META}data:\n{USERS}",
    "all keys in both": f"data:\n{NODES}{USERS}\n\n{TOP}{META}data:\n{USERS}{NODES}",
    "a key of the data": f"{TOP}{META}data:\n{NODES}{USERS}{SAME_MAP}",
    "a key of another name": f"data:\n  mine: x\n{TOP}{META}data:\n{USERS}",
    "two manifests": f"{FIRST}{TOP}{META}data:\n{SAME_MAP}",
}


@pytest.mark.parametrize("case", COPIED)
def test_who_follows_the_hint_about_a_key_that_appears_twice_loses_nothing(case: str) -> None:
    before = Manifest.parse(COPIED[case])
    [finding] = [one for one in before.findings if one.code == "repeated-data-key"]
    lines = COPIED[case].splitlines()
    if copied := re.search(r"Copy lines? (\d+)(?: to (\d+))? below line (\d+)\.", finding.hint):
        first, last, line = (int(number or copied[1]) for number in copied.groups())
        lines[line:line] = lines[first - 1 : last]
    removed = re.search(r"emove lines? (\d+)(?: to (\d+))?", finding.hint)
    assert removed
    del lines[int(removed[1]) - 1 : int(removed[2] or removed[1])]
    after = Manifest.parse("\n".join(lines) + "\n")
    assert after.findings == ()
    old, new = Access.of(before.document), Access.of(after.document)
    assert old.by_principal.items() <= new.by_principal.items()
    assert ("role/n" in str(new.by_principal)) == ("role/n" in COPIED[case] and case != "two manifests")


@pytest.mark.parametrize(("second", "hint"), [
    (f"  mapRoles: |\n    - rolearn: {ROLE}\n      username: ci\n", "Copy the entries of `arn:aws:iam::111122223333:role/n` from lines 7 to 9 into `mapRoles` on line 10. Then remove lines 7 to 9."),
    ("  mapRoles: |\n    - {rolearn: 'arn:aws:iam::111122223333:role/n', username: other}\n", "Copy the right ones of `arn:aws:iam::111122223333:role/n` from"),
    ("  mapRoles: |\n    broken: [\n", "Copy all that it lacks from lines 7 to 9 into `mapRoles` on line 10."),
    (NODES, "Remove lines 7 to 9: the last one has all of it."),
    (f"{NODES}    - rolearn: {ROLE}\n      username: ci\n", "Remove lines 7 to 9: the last one has all of it."),
])  # fmt: skip
def test_the_hint_about_a_key_that_appears_twice_names_the_entries_that_would_be_lost(second: str, hint: str) -> None:
    [finding] = Manifest.parse(f"{TOP}{META}data:\n{NODES}{second}").findings
    assert finding.hint.startswith(hint)


def test_two_manifests_without_a_line_between_them_are_told_so() -> None:
    [finding, *_] = Manifest.parse(COPIED["two manifests"]).findings
    assert finding.hint == "Two manifests follow each other. Remove lines 1 to 12, or put each into its own file."


@pytest.mark.parametrize("case", ["another namespace", "a name with a suffix"])
def test_the_hint_about_another_name_is_for_an_object_that_is_meant(case: str) -> None:
    [finding] = Manifest.parse(UNREAD[case][0]).findings
    assert finding.hint.startswith("If this is meant for the authenticator, write `name")


@pytest.mark.parametrize("text", [
    RIGHT.replace("  - rolearn: arn:aws:iam::111122223333:role/ci", "  - rolearn: ${ROLE}"),
    RIGHT.replace("username: ci", 'username: "{{ .Values.user }}"'),
])  # fmt: skip
def test_a_template_is_one_finding_of_the_client(text: str, tmp_path: Path) -> None:
    path = tmp_path / "aws-auth.yaml"
    path.write_text(text, encoding="utf-8")
    [finding] = awsauth.AwsAuthClient.from_file(path).check()
    assert finding.code == "template-source"


@pytest.mark.parametrize(("text", "codes"), [
    ("mapUsers: |\n  []\n", []), ("data:\n  mapUsers: |\n    []\n", []), ("mapAccounts: '[]'\n", []),
    ("metadata: {name: aws-auth}\ndata:\n  mapUsers: '[]'\n", []), ('{"data": {"mapUsers": "[]"}}', []),
    ("mapRoles: '[]'\n", ["no-administrator", "no-node-mapping"]),
    ("kind: ConfigMap\ndata:\n  mapUsers: '[]'\n", ["no-administrator", "no-node-mapping"]),
    (f"{TOP}{META}data: {{}}\n", ["no-administrator", "no-node-mapping"]),
])  # fmt: skip
def test_a_fragment_gets_no_notes_about_the_whole_map(text: str, codes: list[str]) -> None:
    assert [finding.code for finding in awsauth.lint(Manifest.parse(text).document)] == codes


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_place_in_one_line_without_escapes_is_exact(quote: str) -> None:
    text = f"data:\n  mapUsers: {quote}[{{userarn: x, username: y}}]{quote}\n" if quote else "data:\n  mapAccounts: x\n"
    [finding, *_] = [one for one in awsauth.lint(Manifest.parse(text).document) if one.severity is Severity.ERROR]
    assert finding.location
    assert text.splitlines()[1][finding.location.column - 1] == "x"
