"""Findings about manifests: objects that are not read, repeated keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from awsauth.core.document.document import Document
from awsauth.core.document.index import grouped
from awsauth.core.document.model import KEYS, MappingEntry
from awsauth.core.findings import REPEATED_DATA_KEY, UNREAD_OBJECT, Finding, Location, Severity, warning
from awsauth.core.goyaml.nodes import Node
from awsauth.core.manifest.literal_block import column_of
from awsauth.core.manifest.locate import ConfigMapLocation, child, fields, string, target
from awsauth.core.manifest.source import template_spans
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import Splice, line_end, line_of, line_start, spliced

if TYPE_CHECKING:
    from awsauth.core.edit.changes import Change

_NAMESPACE: Final = "kube-system"
_NAME: Final = "aws-auth"


def unread_object_findings(found: ConfigMapLocation) -> Iterator[Finding]:
    """Yield the reasons why the authenticator does not read the object of a manifest.

    Source: ``aws-iam-authenticator`` ``pkg/mapper/configmap/configmap.go``, which watches one ConfigMap.
    """
    document = found.document
    metadata = target(child(document, "metadata"))
    name, namespace = string(metadata, "name"), string(metadata, "namespace")
    names = (("name", name, _NAME, name), ("namespace", namespace, _NAMESPACE, f"{namespace}/{name or '?'}"))
    for field, value, right, this in names:
        node = child(metadata, field)
        # A template is rendered later, and another tool may add a missing name or namespace.
        if node is not None and value not in ("", right) and not any(template_spans(value)):
            hint = f"If this is meant for the authenticator, write `{field}: {right}` for {quoted(value)}."
            yield _unread(found.text, node, f"this is {quoted(this)}", hint)
    version = child(document, "apiVersion")
    if string(document, "kind") == "ConfigMap" and version and string(document, "apiVersion") not in ("", "v1"):
        this = f"its apiVersion is {quoted(string(document, 'apiVersion'))}"
        yield _unread(found.text, version, this, "Write `apiVersion: v1`.")
    for key, _ in document.pairs() if child(document, "kind") else ():
        if key.value != "data" and key.value.lower() in ("data", "stringdata"):
            yield _unread(found.text, key, f"this has {quoted(key.value)}", f"Write `data:` for {quoted(key.value)}.")
    if (named := child(metadata, "name")) and string(document, "kind") and not namespace:
        message = "The manifest does not name a namespace."
        impact = f"kubectl applies it to the current namespace; the authenticator reads only {_NAMESPACE}/{_NAME}."
        hint = f"Add `namespace: {_NAMESPACE}` to the metadata, unless a tool such as kustomize adds it."
        yield warning("no-namespace", message, impact, hint, location=_place(found.text, named))


def _unread(text: str, node: Node, this: str, hint: str) -> Finding:
    message = f"The authenticator reads only the ConfigMap `{_NAMESPACE}/{_NAME}` (apiVersion v1, key `data`); {this}."
    impact = "The mappings in this object have no effect."
    return Finding(UNREAD_OBJECT, Severity.ERROR, message, impact, hint, _place(text, node), principal="manifest")


def repeated(found: ConfigMapLocation) -> Iterator[Finding]:
    """Yield the repeated keys of the ConfigMap and of its data; the last one counts."""
    data, text = target(found.data), found.text
    top = {} if found.document is data else _by_name(found.document)
    blocks = top.get("data", [])
    fix = _fix(found) if len(blocks) > 1 else ()
    for earlier, last in ((block, blocks[-1]) for block in blocks[:-1]):
        hint = _moved(text, fields(earlier[1]), fields(last[1]), earlier, last)
        if len(top.get("kind", [])) > 1 < len(top.get("metadata", [])):
            again = min(line_of(text, pairs[1][0].start) for pairs in top.values() if len(pairs) > 1)
            remove = f"Remove lines {line_of(text, found.document.start)} to {again - 1}"
            hint = f"Two manifests follow each other. {remove}, or put each into its own file."
        yield _repetition(text, earlier, last, hint, fix)
    for earlier, last in ((pair, pairs[-1]) for pairs in _by_name(data).values() for pair in pairs[:-1]):
        own, other = ({pair[0].value: pair} for pair in (earlier, last))
        yield _repetition(text, earlier, last, _moved(text, own, other, earlier, last), ())


def _fix(found: ConfigMapLocation) -> tuple[Change, ...]:
    """Return the changes that merge every earlier `data:` into the last, if they can."""
    from awsauth.core.edit.changes import ReplaceText  # few manifests need it, and changes take long to load

    hidden = shadowed(found)
    fix = tuple(ReplaceText(key=key, text=value) for key, value in hidden.items() if key in KEYS)
    return fix if len(fix) == len(hidden) and merged(found) is not None else ()


_Pair = tuple["Node", "Node"]


def _by_name(node: Node | None) -> dict[str, list[_Pair]]:
    """Return the pairs of a mapping by their key."""
    pairs = node.pairs() if node is not None and node.kind == "mapping" else ()
    return grouped((pair[0].value, pair) for pair in pairs)


def _repetition(text: str, earlier: _Pair, last: _Pair, hint: str, fix: tuple[Change, ...]) -> Finding:
    first, again = (line_of(text, pair[0].start) for pair in (earlier, last))
    name, location = last[0].value, _place(text, earlier[0])
    message = f"The manifest has the key {quoted(name)} twice, at lines {first} and {again}."
    impact = "Only the last one counts, also for kubectl: the mappings in the other one have no effect."
    return Finding(REPEATED_DATA_KEY, Severity.ERROR, message, impact, hint, location, name, fix)


def _moved(text: str, earlier: Mapping[str, _Pair], last: Mapping[str, _Pair], removed: _Pair, into: _Pair) -> str:
    """Return the hint to remove `removed` without losing its own keys and entries."""
    if text.lstrip().startswith("{"):
        return "Put the entries of both into the last one, and remove the first."
    steps = []
    for name, pair in earlier.items():
        if name not in last:
            steps.append(f"Copy {_lines(text, pair)} below line {line_of(text, into[0].start)}.")
        elif missing := _missing(name, pair[1], last[name][1]):
            line = line_of(text, last[name][0].start)
            steps.append(f"Copy {missing} from {_lines(text, pair)} into {quoted(name)} on line {line}.")
    then = f"hen remove {_lines(text, removed)}."
    return f"{' '.join(steps)} T{then}" if steps else f"Remove {_lines(text, removed)}: the last one has all of it."


def _lines(text: str, pair: _Pair) -> str:
    """Return the lines of a key and its value."""
    first, last = (line_of(text, len(text[:end].rstrip()) - 1) for end in (pair[0].end, max(pair[0].end, pair[1].end)))
    return f"lines {first} to {last}" if last > first else f"line {first}"


def _missing(name: str, earlier: Node, last: Node) -> str:
    """Return the entries that only the earlier of two values has."""
    if earlier.value == last.value:
        return ""
    old, new = (_entries(name, node.value) for node in (earlier, last))
    if old is None or new is None:
        return "all that it lacks"
    lost = [entry for entry in old if entry not in new]
    is_known = lost and not {entry.identity for entry in new}.isdisjoint(entry.identity for entry in lost)
    listed = ", ".join(quoted(entry.principal, 100) for entry in lost)
    return f"the {'right ones' if is_known else 'entries'} of {listed}" if lost else ""


@lru_cache(maxsize=4)
def _entries(name: str, text: str) -> Mapping[MappingEntry, None] | None:
    """Return the entries of a text; None if it is unreadable or of another key."""
    reading = Document({name: text}).reading(name) if name in KEYS else None
    return dict.fromkeys(reading.mapped) if reading and not reading.findings else None


def shadowed(found: ConfigMapLocation) -> Mapping[str, str]:
    """Return the data of every `data:` before the last one, which does not count."""
    earlier = [value for key, value in found.document.pairs() if key.value == "data"][:-1]
    return {key: pair[1].value for node in earlier for key, pair in fields(node).items()}


def merged(found: ConfigMapLocation) -> str | None:
    """Return the manifest with the lines of every earlier `data:` in the last.

    Returns None if that is not safe.
    """
    pairs = [pair for pair in found.document.pairs() if pair[0].kind == "scalar"]
    places = [index for index, (key, _) in enumerate(pairs) if key.value == "data"]
    if len(places) < 2 or found.is_json or found.document.style == "flow":
        return None
    text, inner = found.text, [pair for index in places for pair in fields(pairs[index][1]).values()]
    names, columns = {key.value for key, _ in inner}, {column_of(text, key.start) for key, _ in inner}
    if len(names) < len(inner) or len(columns) != 1 or any(value.kind != "scalar" for _, value in inner):
        return None
    starts = [line_start(text, key.start) for key, _ in pairs]
    removed = [Splice(starts[index], starts[index + 1], "") for index in places[:-1]]
    moved = "".join(text[line_end(text, one.start) : one.end] for one in removed)
    below = line_end(text, starts[places[-1]])
    return spliced(text, [*removed, Splice(below, below, moved)])


def _place(text: str, node: Node) -> Location:
    return replace(Location.of("", text, node.start, node.end), in_file=True)
