"""Rules about the fields of an entry: those that nobody reads, and those that are there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.changes import Repair
from awsauth.core.escaping import quoted
from awsauth.core.finding import Place, Severity
from awsauth.core.reading import ARN_FIELD, KEYS, Key
from awsauth.core.repairs import respelt
from awsauth.core.resemblance import close_matches
from awsauth.core.rules.rule import Hit, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.nodes import Node
    from awsauth.core.reading import Entry
    from awsauth.core.rules.subject import Subject

_FIELDS: Final[dict[Key, tuple[str, ...]]] = {
    "mapRoles": ("rolearn", "username", "groups", "userid", "sso"),
    "mapUsers": ("userarn", "username", "groups", "userid"),
}
"""In any case of their letters: ``aws-iam-authenticator`` ``pkg/config/types.go``."""

_MEANT: Final = {"user": "username", "name": "username"}


@rule(Severity.WARNING, "a field that nobody reads, such as `group` or `user`", cures=True)
def unknown_field(subject: Subject) -> Iterator[Hit]:
    """Find fields that the authenticator does not know.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            group: [builders]

    Silent::

        mapRoles: |
          - roleARN: arn:aws:iam::111122223333:role/ci
            userName: ci
            groups: [builders]
    """
    for key, entry, node in _entries(subject):
        if entry.mapped is None:
            continue  # the reader has told what is missing
        text = subject.document.data[key]
        meant = {one.start: one.right for one in respelt(key, text, node)}
        present = {name.value.lower() for name, _ in node.pairs()}
        for name, _ in node.pairs():
            if name.kind == "scalar" and name.value != "<<" and name.value.lower() not in _FIELDS[key]:
                right = meant.get(name.start)
                yield Hit(
                    f"There is no field {quoted(name.value)}.",
                    "The authenticator does not look at it.",
                    f"Write `{right}`." if right else _hint(name.value, _FIELDS[key], present),
                    _place(key, text, name),
                    entry.mapped.principal,
                    (Repair(key=key),) if right else (),
                )


def _hint(name: str, known: tuple[str, ...], present: set[str]) -> str:
    """Return the hint for a field that may mean one of the known ones, or none."""
    written = name[:50].lower()
    close = _MEANT.get(written) or next(iter(close_matches(written, known, 1, 0.6)), "")
    if not close:
        return "Remove it, or make it a comment."
    if close in present:
        return f"Remove it; `{close}` is there too, and is read."
    return f"If `{close}` is meant, write that; otherwise remove it."


@rule(Severity.WARNING, "a field that is there twice: one of the two counts")
def repeated_field(subject: Subject) -> Iterator[Hit]:
    """Find fields that are repeated, or written in two ways. The last counts, and before all `rolearn` in lower case.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            username: builder

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
          - rolearn: arn:aws:iam::111122223333:role/builder
            username: builder
    """
    for key, entry, node in _entries(subject):
        seen: dict[str, list[Node]] = {}
        for name, _ in node.pairs():
            if name.kind == "scalar" and name.value.lower() in _FIELDS[key]:
                seen.setdefault(name.value.lower(), []).append(name)
        for field, names in seen.items():
            if len(names) > 1:
                yield _repeated(subject, key, entry, field, names)


def _repeated(subject: Subject, key: Key, entry: Entry, field: str, names: list[Node]) -> Hit:
    text = subject.document.data[key]
    counts = entry.shape.field(field)
    start = names[-1].start if counts is None else counts.start
    ignored = next((name for name in names if name.start != start), names[0])
    line = subject.document.place_of(Place.of(key, text, start)).line
    return Hit(
        f"`{field}` is there {len(names)} times in this entry.",
        f"Only the one on line {line} counts.",
        "Take the others out.",
        _place(key, text, ignored),
        entry.mapped.principal if entry.mapped else "",
    )


def _place(key: Key, text: str, name: Node) -> Place:
    line = text[name.start : name.end].split("\n", 1)[0]
    return Place.of(key, text, name.start, name.start + len(line))


def _entries(subject: Subject) -> Iterator[tuple[Key, Entry, Node]]:
    """Yield every entry that is a mapping of its own, with its YAML, of the texts that hold more than plain forms."""
    for key in KEYS:
        root = subject.tree(key) if key in ARN_FIELD else None
        if root is not None and root.kind == "sequence":
            for entry, node in zip(subject.document.reading(key).entries, root.children, strict=True):
                if node.kind == "mapping":
                    yield key, entry, node
