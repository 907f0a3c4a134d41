"""The nodes of a YAML text, with all places, and the errors of reading them.

`libyaml_nodes` and `plain_nodes` make them. `awsauth.core.goyaml.decode` turns them into values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["scalar", "sequence", "mapping", "alias"]

BOM: Final = "\ufeff"

DEEPEST: Final = 100  # the deepest nesting that is read; an `aws-auth` needs three levels, goyaml allows ten thousand


class YamlSyntaxError(ValueError):
    """The text cannot be read; `offset` is the place at which reading stopped."""

    def __init__(self, problem: str, offset: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset


class UntrustedYamlError(YamlSyntaxError):
    """goyaml and libyaml may differ here, so the authenticator's result is unknown."""

    hint = "Write the text in plain block style, without tags, anchors and nested brackets."


class NotReadFurtherError(UntrustedYamlError):
    """The text holds too many values that map nothing; the rest of it is not read."""

    hint = "Leave only real mappings in the text, or roll back to a revision that could be read."


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """One node of the tree.

    Attributes:
        kind: The kind of node.
        start: The offset of its first character, anchor and tag included.
        end: The offset after its last character. Of block collections and block scalars libyaml notices the end late:
            it may be far behind the last character.
        value: The text of a scalar; the name of an alias.
        tag: The resolved tag, or empty.
        implicit: Whether the text of a scalar decides its type: it is plain, or has the tag ``!``.
        style: ``"``, ``'``, ``|``, ``>`` or empty for scalars; ``flow`` or empty for collections.
        anchor: The name of the anchor, or None.
        target: The node that an alias stands for.
        children: The items of a sequence; the keys and values of a mapping in turn. Scalars share an empty tuple.
    """

    kind: Kind
    start: int
    end: int
    value: str = ""
    tag: str = ""
    implicit: bool = True
    style: str = ""
    anchor: str | None = None
    target: Node | None = None
    children: list[Node] = ()  # type: ignore[assignment] # a list for each scalar would double the memory

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Yield the keys and values of a mapping in order, also repeated keys."""
        return zip(self.children[::2], self.children[1::2], strict=True)

    def last(self) -> Node:
        """Return the last scalar or flow collection in it."""
        node = self
        while node.children and node.style != "flow":
            node = node.children[-1]
        return node
