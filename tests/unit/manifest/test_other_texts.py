"""Texts that people take for a manifest: each is told by its name, with a hint that is right to the letter."""

from __future__ import annotations

import json
import subprocess
from typing import Final

import pytest

import awsauth
from awsauth.core.manifest.manifest import Manifest
from tests.support.waiting import PATIENCE

ROLE: Final = "arn:aws:iam::111122223333:role/ci"
ENTRY: Final = f"- rolearn: {ROLE}\n  username: ci\n"
TOP: Final = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\n"
ADDED: Final = "".join(f"+{line}\n" for line in (TOP + "data:\n  mapRoles: |\n    []").splitlines())
BLOCK: Final = "    - rolearn: arn:aws:iam::111122223333:role/ci\n      username: ci\n"


def refused(text: str) -> awsauth.ManifestError:
    with pytest.raises(awsauth.ManifestError) as error:
        Manifest.parse(text)
    return error.value


@pytest.mark.parametrize("text", [
    f"--- a/aws-auth.yaml\n+++ b/aws-auth.yaml\n@@ -1,5 +1,7 @@\n {TOP.replace(chr(10), chr(10) + ' ')}data:\n+  mapRoles: |\n+    []\n",
    f"diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,7 @@\n{ADDED}",
    ADDED,
    f" data:\n   mapRoles: |\n-    []\n+{BLOCK.replace(chr(10), chr(10) + '+')}\n",
    f"@@ -7,6 +7,8 @@\n   mapRoles: |\n     - rolearn: {ROLE}\n       username: ci\n+      groups: [x]\n",
])  # fmt: skip
def test_a_diff_is_no_manifest(text: str) -> None:
    error = refused(text)
    assert error.message == "This is a diff, not a manifest."
    command = error.hint.split("`")[1].removesuffix(" DIFF")
    done = subprocess.run(
        ["/bin/sh", "-c", command], input=text, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert "mapRoles" in done.stdout
    if "kind: ConfigMap" in text:
        assert "mapRoles" in Manifest.parse(done.stdout).data


@pytest.mark.parametrize("text", [
    f"{TOP}data:\n  mapRoles: |\n{BLOCK}", f"{TOP}data:\n  mapRoles: |\n    + a\n    + b\n", f"# + a\n# + b\n{TOP}data: {{}}\n",
    f"---\n{TOP}data:\n  mapRoles: |\n{BLOCK}", f"{TOP}data:\n  notes: |\n    @@ -1,2 +1,2 @@\n    <<<<<<< HEAD\n  mapRoles: '[]'\n",
])  # fmt: skip
def test_a_manifest_that_looks_like_a_diff_is_read(text: str) -> None:
    assert Manifest.parse(text).found.document.kind == "mapping"


@pytest.mark.parametrize(("text", "name", "line"), [
    (f"{TOP}data:\n<<<<<<< HEAD\n  mapRoles: '[]'\n=======\n  mapRoles: ''\n>>>>>>> other\n", "an unresolved merge conflict of git", 7),
    (f"{TOP}data:\n  mapRoles: |\n{BLOCK}<<<<<<< ours\n{BLOCK}", "an unresolved merge conflict of git", 10),
    (f"Name:         aws-auth\nNamespace:    kube-system\nLabels:       <none>\n\nData\n====\nmapRoles:\n----\n{ENTRY}\nEvents:  <none>\n", "the output of `kubectl describe` or `terraform plan`", 5),
    ('# x will be updated\n  ~ resource "kubernetes_config_map" "aws_auth" {\n      ~ data = {\n', "the output of `kubectl describe` or `terraform plan`", 2),
    (f"Name: aws-auth\nData\n====\nmapUsers:\n----\n{ENTRY}", "the output of `kubectl describe` or `terraform plan`", 2),
])  # fmt: skip
def test_another_text_is_named(text: str, name: str, line: int) -> None:
    error = refused(text)
    assert (error.message, str(error.location)) == (f"This is {name}, not a manifest.", f"line {line}")


@pytest.mark.parametrize(("key", "text"), [
    ("mapRoles", ENTRY), ("mapUsers", ENTRY.replace("role", "user")), ("mapRoles", f"  {ENTRY.replace(chr(10), chr(10) + '  ').rstrip()}\n"),
    ("mapUsers", '[{"userarn": "x"}]\n'), ("mapRoles", f"# ours\n- groups: [x]\n  username: a\n  roleARN: {ROLE}\n"),
])  # fmt: skip
def test_a_list_alone_is_told_its_key(key: str, text: str) -> None:
    error = refused(text)
    assert error.message == "This is a list of mappings without its data key."
    assert error.hint == f"Write `{key}: |` above the list, and indent each line of the list by two blanks."
    assert list(Manifest.parse(f"{key}: |\n" + "".join(f"  {line}\n" for line in text.splitlines())).data) == [key]


@pytest.mark.parametrize("text", ["- a\n- b\n", "[]\n", "- name: x\n", "- [rolearn]\n", "rolearn: x\n"])
def test_another_list_is_not_taken_for_mappings(text: str) -> None:
    assert refused(text).message.startswith("The file does not hold an aws-auth ConfigMap.")


@pytest.mark.parametrize("data", [
    {"mapUsers": [{"userarn": "x"}]}, {"data": {"mapRoles": [{"rolearn": ROLE}], "mapUsers": ""}},
    {"kind": "ConfigMap", "metadata": {"name": "aws-auth"}, "data": {"mapAccounts": ["111122223333"]}},
    {"kind": "List", "items": [{"kind": "ConfigMap", "metadata": {"name": "aws-auth"}, "data": {"mapRoles": []}}]},
])  # fmt: skip
def test_a_list_in_json_becomes_text_by_the_command_of_the_hint(data: dict[str, object]) -> None:
    error = refused(json.dumps(data, indent=1))
    command = error.hint.split("`")[1]
    assert command.startswith("jq '(.. | .map")
    assert command.endswith("? | arrays) |= tostring' FILE")


@pytest.mark.parametrize("key", ["mapRoles", "mapUsers", "mapAccounts"])
@pytest.mark.parametrize("before", ["", "  notes: x\n", "  mapRoles: |\n    []\n"])
def test_lines_that_are_not_below_their_key_are_told_with_the_key(key: str, before: str) -> None:
    if key in before:
        return
    text = f"{TOP}data:\n{before}  {key}: |\n  - a\n  - b\nother: x\n"
    assert refused(text).hint == f"Indent the lines below `{key}: |` further than `{key}`, and try again."


@pytest.mark.parametrize("text", [
    "  mapUsers: '[]'\n  kind: ConfigMap\n", "apiVersion: v1\nkind: ConfigMap\nmapRoles: |\n  []\n",
    '{"kind": "ConfigMap", "mapAccounts": "[]"}', "kind: ConfigMap\nmetadata: {name: x}\nmapRoles: '[]'\n",
    "mapRoles: '[]'\nmapUsers: '[]'\nkind: ConfigMap\n",
])  # fmt: skip
def test_keys_outside_of_data_are_told_so(text: str) -> None:
    error = refused(text)
    assert error.message.endswith("` is not under `data`.")
    assert error.hint.startswith("Write `data:` above it, and indent `map")


@pytest.mark.parametrize(("line", "tool", "command"), [
    ("{{- if .Values.auth }}", "Helm", "helm template"), ("{{- end }}", "Helm", "helm template"),
    ("{% for role in roles %}", "Jinja", "jinja2"), ("%{ for role in roles ~}", "Terraform", "terraform output"),
    ("{{ extra_roles }}", "Jinja", "jinja2"),
])  # fmt: skip
def test_a_template_is_told_with_its_tool(line: str, tool: str, command: str) -> None:
    error = refused(f"{TOP}data:\n  mapRoles: |\n{BLOCK}{line}\n{BLOCK}")
    assert error.message.startswith(f"The file is a template of {tool}, not YAML")
    assert f"`{command}" in error.hint


@pytest.mark.parametrize("key", ["mapRoles", "mapUsers", "mapAccounts"])
def test_keys_without_data_above_them_are_told_so(key: str) -> None:
    text = f"apiVersion: v1\n  {key}: |\n    []\n"
    assert refused(text).hint == "Write `data:` on a line of its own above it, and try again."
    assert Manifest.parse(text.replace("  map", "data:\n  map")).data == {key: "[]\n"}
