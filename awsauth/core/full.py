"""The full reader: whatever goyaml reads, through libyaml's events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from awsauth.core import nodes
from awsauth.core.authenticator import EntryReader, is_json, is_skipped
from awsauth.core.changes import Repair
from awsauth.core.decoding import Value, decode, scalar
from awsauth.core.finding import Finding, Place, Severity
from awsauth.core.geometry import account_shape, empty_layout, entry_shape, list_layout
from awsauth.core.reading import KIND, Key, Layout, Mapped, Reading, Shape
from awsauth.core.repairs import readable
from awsauth.core.text import noticed_at

if TYPE_CHECKING:
    from awsauth.core.nodes import Node


class FullEntry(NamedTuple):
    """An `Entry` that knows everything from the start."""

    mapped: Mapped | None
    shape: Shape


def read(key: Key, text: str) -> Reading:
    """Read the text of one data key."""
    if is_skipped(text):
        return Reading(key, text, (), Layout("empty", end=len(text)))
    if key != "mapAccounts" and is_json(text):
        return _lost(
            key, text, "not-a-list", "A text that starts with a brace is taken as JSON, and that is no list.", 0
        )
    try:
        root = nodes.parse_first(text)
        return Reading(key, text, (), empty_layout(text, None)) if root is None else _read_root(key, text, root)
    except nodes.UntrustedYamlError as error:
        return _untrusted(key, text, error.problem, error.offset)
    except nodes.YamlSyntaxError as error:
        return _lost(key, text, "unreadable", f"The YAML cannot be read: {error.problem}.", error.offset)


def _read_root(key: Key, text: str, root: Node) -> Reading:
    items = _accounts(root) if key == "mapAccounts" else _items(decode(root))
    if items is None:
        return _lost(key, text, "not-a-list", f"{key} has to hold a list.", root.start)
    reader = EntryReader(key, text)
    layout = list_layout(text, root)
    entries = []
    for item in items:
        if key == "mapAccounts":
            entries.append(FullEntry(reader.account(item), account_shape(text, item, layout)))
        else:
            mapped, winners = reader.role_or_user(item)
            entries.append(FullEntry(mapped, entry_shape(text, item, winners, layout)))
    return Reading(key, text, tuple(entries), layout, tuple(sorted(reader.findings, key=_place)))


def _place(finding: Finding) -> tuple[int, int]:
    return (finding.place.line, finding.place.column) if finding.place else (0, 0)


def _items(root: Value) -> tuple[Value, ...] | None:
    if root.type == "null":
        return ()
    return root.items if root.type == "list" else None


def _accounts(root: Node) -> tuple[Value, ...] | None:
    """Return the accounts: yaml.v2 reads them straight into strings, and never decodes what lies deeper."""
    if root.kind == "scalar" and scalar(root, root).type == "null":
        return ()
    return tuple([_account(child) for child in root.children]) if root.kind == "sequence" else None


def _account(written: Node) -> Value:
    node = written.target or written
    if node.kind != "scalar":
        return Value(node, written, "list")
    try:
        return scalar(node, written)
    except nodes.UntrustedYamlError:
        raise
    except nodes.YamlSyntaxError as error:
        # Where a tag does not fit, yaml.v2 leaves an empty account for each that it has not come to.
        raise nodes.UntrustedYamlError(error.problem, error.offset) from error


def _lost(key: Key, text: str, code: str, message: str, start: int) -> Reading:
    hint, place, fix = (
        "Repair the text, or roll back to a revision that could be read.",
        _line_from(key, text, start),
        (),
    )
    if code == "unreadable" and (better := readable(key, text, start)):
        message, hint = f"The YAML cannot be read. {better.message}", better.hint
        place, fix = Place.of(key, text, better.start, better.end), (Repair(key=key),)
    consequence = f"The authenticator drops the whole of {key}: every {KIND[key]} in it loses access."
    finding = Finding(code, Severity.ERROR, message, consequence, hint, place, fix=fix)
    return Reading(key, text, (), Layout("other"), (finding,))


def unread(key: Key, text: str, error: Exception) -> Reading:
    """Return the reading of a text at which a reader failed with an exception of Python's own."""
    return _untrusted(key, text, f"the reader of this library fails at it ({type(error).__name__})", 0)


def _untrusted(key: Key, text: str, problem: str, start: int) -> Reading:
    finding = Finding(
        "untrusted",
        Severity.ERROR,
        f"It cannot be said for certain what the authenticator makes of this: {problem}.",
        "It may drop the whole of it.",
        "Write it plainly.",
        _line_from(key, text, start),
    )
    return Reading(key, text, (), Layout("other"), (finding,), trusted=False)


def _line_from(key: Key, text: str, start: int) -> Place:
    start = noticed_at(text, start)
    end = text.find("\n", start)
    return Place.of(key, text, start, len(text) if end < 0 else end)
