"""libyaml builds the same tree of every text that is read without it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.core.goyaml.libyaml_nodes import parse_all
from awsauth.core.goyaml.plain_nodes import parse_plain
from tests.support.documents.mutations import mutated
from tests.support.documents.strategies import in_volume

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.core.goyaml.nodes import Node

_TEXTS: Final = in_volume(20_000)

_PARTS: Final = (
    *("k:", "k: v", "a: |", "b: |-", "c: |+", "- i", "- k: v", "- k:", "- a: |", "# c", "", "t", "x y", 'k: "q"'),
    *("k: 'q'", "k: v # c", "m: a b", "-  k: v", '- "q"', "k:  v", "k: v  ", "k: |  ", "k: | # c", "k: a:b", "k: a #b"),
    *("- - a", "-", "k:   ", '"k": v', "k: {}", "k: []", "k: v: w", "k: -v", "k: v-", "data: # c", "? k", ": v", "t\t"),
    *(
        "k: \tv",
        "a: |\t",
        "---",
        "...",
        "é: è",
        "k: é",
        "%",
        "k: &a v",
        "k: *a",
        "k: !t v",
        "k: ~",
        "k: 'a''b'",
        "<<: a",
        "- --o",
        "- --o=v # c",
        "- --",
        "- -- o",
        "- ---",
        "- --o: v",
        "--o",
        "k: --v",
    ),
)


def _outline(node: Node) -> list[Any]:
    here = [node.kind, node.start, node.end, node.value, node.tag, node.implicit, node.style, node.anchor]
    return [*here, [_outline(child) for child in node.children]]


def _is_read(text: str) -> bool:
    """Check that libyaml builds the same tree of a text, and return whether it was read without libyaml."""
    root = parse_plain(text)
    if root:
        assert [_outline(one) for one in parse_all(text)] == [_outline(root)], text
    return root is not None


def test_generated_lines_have_the_tree_of_libyaml() -> None:
    random = Random("plain lines")
    taken = 0
    for _ in range(_TEXTS):
        columns = random.choices((0, 0, 2, 2, 2, 4, 4, 1, 3, 6), k=random.randint(1, 9))
        taken += _is_read("".join(f"{' ' * column}{random.choice(_PARTS)}\n" for column in columns))
    assert taken > _TEXTS / 100


_MANIFEST: Final = """\
---
# The mappings.
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth # of EKS
  namespace: "kube-system"
  finalizers:
  - example.com/a
items:
  - name: 'a b'
    user:
      args:
        - --region
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/b

        groups: []
  mapUsers: |-
      []

  mapAccounts: |+
    é

"""


def test_changed_manifests_have_the_tree_of_libyaml() -> None:
    random, sources = Random("plain manifests"), [_MANIFEST]
    taken = sum(_is_read(mutated(random, sources)) for _ in range(_TEXTS))
    assert taken > _TEXTS / 100


def test_most_real_manifests_are_read_without_libyaml(corpus: Path) -> None:
    taken = [_is_read(file.read_bytes().decode(errors="replace")) for file in corpus.rglob("*.yaml")]
    assert sum(taken) > len(taken) / 2


def test_a_kubeconfig_of_the_aws_cli_is_read_without_libyaml() -> None:
    assert _is_read("users:\n- name: a\n  user:\n    exec:\n      args:\n      - --region\n      - eu-west-1\n")


@pytest.mark.parametrize(
    "text", ["", "\n", "# a\n", "a", "a: b", "k: |\n", "---\n", "- \n", "a:\n", "\ta: b\n", "a: b\r\n"]
)
def test_other_texts_are_refused(text: str) -> None:
    assert parse_plain(text) is None
