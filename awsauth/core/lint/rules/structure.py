"""Rules about the fields of an entry: those that nobody reads, and those that are there twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from awsauth.core.document.authenticator import NO_IAM_GROUP
from awsauth.core.document.document import MAX_BYTES, byte_size
from awsauth.core.document.model import ARN_FIELD, KEYS, Key
from awsauth.core.document.repairs import respelt
from awsauth.core.edit.changes import Repair
from awsauth.core.findings import Location, Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import close_matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.document.model import Entry
    from awsauth.core.goyaml.nodes import Node
    from awsauth.core.lint.subject import LintContext


_BY_LETTERS: Final = {key.lower(): key for key in KEYS}


_CONTENT: Final = re.compile(
    r"^(?![ \t]*(?:#.*)?$|(?:---|\.\.\.)[ \t]*(?:#.*)?\r?$)[ \t]*(?P<first>\S.*)", re.MULTILINE
)


@rule(Severity.ERROR, "a data key that is almost one of the three, such as `maproles`, or begins with `map`")
def unknown_data_key(subject: LintContext) -> Iterator[Match]:
    """Find keys that are misspelt, have other capitals, or begin with `map`. Keys of other names are not looked at.

    Fires::

        maproles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci

    Silent::

        mapRoles: |
          []
        notes: by hand, please
    """
    for key in subject.document.data:
        if key in KEYS:
            continue
        letters = re.sub("[^a-z]", "", key[:50].lower())
        close = close_matches(letters, _BY_LETTERS, 1, 0.85)
        if letters.startswith(("mapgroup", "mapiamgroup")):
            yield Match(
                f"The data key {quoted(key)} is not read, and IAM groups cannot be mapped.",
                "The authenticator does not look at it: it lets nobody in.",
                NO_IAM_GROUP,
                principal=key,
            )
        elif not close and letters.startswith("map"):
            yield Match(
                f"The data key {quoted(key)} is not one of {', '.join(KEYS)}.",
                "The authenticator does not look at it.",
                "If it maps anybody, move that to one of these keys.",
                principal=key,
                severity=Severity.WARNING,
            )
        elif close:
            right = _BY_LETTERS[close[0]]
            beside = f" {right} is there too, and is read." if right in subject.document.data else ""
            yield Match(
                f"The data key {quoted(key)} is not {right}.",
                f"The authenticator does not look at it: whoever is mapped in it does not get in.{beside}",
                f"Move what it holds to {right}.",
                principal=key,
            )


@rule(Severity.WARNING, "data that takes more than three quarters of the 1 MiB there is")
def almost_full(subject: LintContext) -> Iterator[Match]:
    """Find data that will soon not fit any more, or does not, ``binaryData`` included where that is known.

    Fires::

        mapRoles: |
          []
        notes: FILLER

    Silent::

        mapRoles: |
          []
    """
    size = byte_size(subject.document) + subject.binary_bytes
    if size > MAX_BYTES * 3 // 4:
        yield Match(
            f"All values together have {size:,} bytes, {size * 100 // MAX_BYTES} % of what a ConfigMap may have.",
            f"The API server takes no more than {MAX_BYTES:,}: one day nobody can be added.",
            "Take out mappings that nobody needs, or use access entries.",
        )


@rule(Severity.WARNING, "text behind the first YAML document, which nobody reads")
def ignored_rest(subject: LintContext) -> Iterator[Match]:
    """Find what stands behind the list, such as a second list: reading stops after the first.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
          ---
          - rolearn: arn:aws:iam::111122223333:role/deployer
            username: deployer

    Silent::

        mapRoles: |
          ---
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
          ...
          # that is all
    """
    for key in KEYS:
        root = subject.tree(key)
        text = subject.document.data.get(key, "")
        found = None if root is None else _CONTENT.search(text, root.end)
        if found is not None and root is not None and _follows(text, root.end, found.start("first")):
            yield Match(
                "Text stands behind the end of the list.",
                "Reading stops after the first YAML document: nothing of it counts.",
                "Move it into the list, or take it out.",
                Location.of(key, text, found.start("first"), len(found["first"].rstrip()) + found.start("first")),
                principal=key,
            )


def _follows(text: str, end: int, start: int) -> bool:
    """Whether what starts at `start` is no comment on the line that the list ends on."""
    return not re.match(r"[ \t]*#", text[end:]) or "\n" in text[end:start]


_FIELDS: Final[dict[Key, tuple[str, ...]]] = {
    "mapRoles": ("rolearn", "username", "groups", "userid", "sso"),
    "mapUsers": ("userarn", "username", "groups", "userid"),
}
"""In any case of their letters: ``aws-iam-authenticator`` ``pkg/config/types.go``."""


_MEANT: Final = {"user": "username", "name": "username"}


@rule(Severity.WARNING, "a field that nobody reads, such as `group` or `user`", cures=True)
def unknown_field(subject: LintContext) -> Iterator[Match]:
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
                yield Match(
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
def repeated_field(subject: LintContext) -> Iterator[Match]:
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


def _repeated(subject: LintContext, key: Key, entry: Entry, field: str, names: list[Node]) -> Match:
    text = subject.document.data[key]
    counts = entry.shape.field(field)
    start = names[-1].start if counts is None else counts.start
    ignored = next((name for name in names if name.start != start), names[0])
    line = subject.document.place_of(Location.of(key, text, start)).line
    return Match(
        f"`{field}` is there {len(names)} times in this entry.",
        f"Only the one on line {line} counts.",
        "Take the others out.",
        _place(key, text, ignored),
        entry.mapped.principal if entry.mapped else "",
    )


def _place(key: Key, text: str, name: Node) -> Location:
    line = text[name.start : name.end].split("\n", 1)[0]
    return Location.of(key, text, name.start, name.start + len(line))


def _entries(subject: LintContext) -> Iterator[tuple[Key, Entry, Node]]:
    """Yield every entry that is a mapping of its own, with its YAML, of the texts that hold more than plain forms."""
    for key in KEYS:
        root = subject.tree(key) if key in ARN_FIELD else None
        if root is not None and root.kind == "sequence":
            for entry, node in zip(subject.document.reading(key).entries, root.children, strict=True):
                if node.kind == "mapping":
                    yield key, entry, node
