"""Findings about manifests: objects that are not read, repeated keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.document.model import KEYS
from awsauth.core.edit.changes import ReplaceText
from awsauth.core.findings import REPEATED_DATA_KEY, UNREAD_OBJECT, Finding, Location, Severity
from awsauth.core.manifest.literal_block import column_of
from awsauth.core.manifest.locate import child, fields, string, target
from awsauth.core.manifest.templates import templates
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import line_of, line_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from awsauth.core.goyaml.nodes import Node
from awsauth.core.manifest.locate import ConfigMapLocation

NO_NAMESPACE: Final = "no-namespace"

_NAMESPACE: Final = "kube-system"
_NAME: Final = "aws-auth"


def unread_object_findings(found: ConfigMapLocation) -> Iterator[Finding]:
    """Yield the reasons why the authenticator does not read the object of a manifest.

    Source: ``aws-iam-authenticator`` ``pkg/mapper/configmap/configmap.go``, which watches one ConfigMap.
    """
    document = found.document
    metadata = target(child(document, "metadata"))
    name, namespace = string(metadata, "name"), string(metadata, "namespace")
    for field, value, right, this in (
        ("name", name, _NAME, name),
        ("namespace", namespace, _NAMESPACE, f"{namespace}/{name or '?'}"),
    ):
        node = child(metadata, field)
        # A template is rendered later, and another tool may add a missing name or namespace.
        if node is not None and value not in ("", right) and not any(templates(value)):
            yield _unread(found.text, node, f"this is {quoted(this)}", f"Write `{field}: {right}` for {quoted(value)}.")
    version = child(document, "apiVersion")
    if string(document, "kind") == "ConfigMap" and version and string(document, "apiVersion") not in ("", "v1"):
        this = f"its apiVersion is {quoted(string(document, 'apiVersion'))}"
        yield _unread(found.text, version, this, "Write `apiVersion: v1`.")
    for key, _ in document.pairs() if child(document, "kind") else ():
        if key.value != "data" and key.value.lower() in ("data", "stringdata"):
            yield _unread(found.text, key, f"this has {quoted(key.value)}", f"Write `data:` for {quoted(key.value)}.")
    if (named := child(metadata, "name")) and string(document, "kind") and not namespace:
        yield Finding(
            NO_NAMESPACE,
            Severity.WARNING,
            "The manifest does not name a namespace.",
            f"kubectl applies it to the current namespace; the authenticator reads only {_NAMESPACE}/{_NAME}.",
            f"Add `namespace: {_NAMESPACE}` to the metadata, unless a tool such as kustomize adds it.",
            _place(found.text, named),
        )


def _unread(text: str, node: Node, this: str, hint: str) -> Finding:
    return Finding(
        UNREAD_OBJECT,
        Severity.ERROR,
        f"The authenticator reads only the ConfigMap `{_NAMESPACE}/{_NAME}` (apiVersion v1, key `data`); {this}.",
        "The mappings in this object have no effect.",
        hint,
        _place(text, node),
        principal="manifest",
    )


def repeated(found: ConfigMapLocation) -> Iterator[Finding]:
    """Yield the repeated keys of the ConfigMap and of its data; the last one counts."""
    data = target(found.data)
    keys = [pair for pair in found.document.pairs() if pair[0].value == "data"] if found.document is not data else []
    fix = tuple(ReplaceText(key=key, text=text) for key, text in shadowed(found).items() if key in KEYS)
    if not fix or len(fix) < len(shadowed(found)) or merged(found) is None:
        fix = ()
    hint = "Move the keys of the first one into the last one, and remove the first `data:`."
    yield from _repetitions(found.text, keys, hint, fix)
    if data is not None and data.kind == "mapping":
        hint = "Put the entries of both into the last one, and remove the first."
        yield from _repetitions(found.text, list(data.pairs()), hint, ())


def _repetitions(
    text: str, pairs: Sequence[tuple[Node, Node]], hint: str, fix: tuple[ReplaceText, ...]
) -> Iterator[Finding]:
    seen: dict[str, Node] = {}
    for key, _ in pairs:
        if earlier := seen.get(key.value):
            first, again = (line_of(text, one.start) for one in (earlier, key))
            yield Finding(
                REPEATED_DATA_KEY,
                Severity.ERROR,
                f"The manifest has the key {quoted(key.value)} twice, at lines {first} and {again}.",
                "Only the last one counts, also for kubectl: the mappings in the other one have no effect.",
                hint,
                _place(text, earlier),
                key.value,
                fix,
            )
        seen[key.value] = key


def shadowed(found: ConfigMapLocation) -> Mapping[str, str]:
    """Return the data of every `data:` before the last one, which does not count."""
    earlier = [value for key, value in found.document.pairs() if key.value == "data"][:-1]
    texts = ((key, value) for node in earlier for key, value in fields(node).items())
    return {key: pair[1].value for key, pair in texts}


def merged(found: ConfigMapLocation) -> str | None:
    """Return the manifest with the lines of every earlier `data:` in the last.

    Returns None if that is not safe.
    """
    pairs = [pair for pair in found.document.pairs() if pair[0].kind == "scalar"]
    places = [index for index, (key, _) in enumerate(pairs) if key.value == "data"]
    if len(places) < 2 or found.is_json or found.document.style == "flow":
        return None
    blocks = [pairs[index] for index in places]
    names = [name for _, value in blocks for name in fields(value)]
    values = [value for _, block in blocks for _, value in fields(block).values()]
    columns = {column_of(found.text, pair[0].start) for _, block in blocks for pair in fields(block).values()}
    if len(set(names)) < len(names) or len(columns) != 1 or any(value.kind != "scalar" for value in values):
        return None
    text, moved = found.text, ""
    for index in reversed(places[:-1]):
        key = pairs[index][0].start
        start, inside = line_start(text, key), text.index("\n", key) + 1
        end = line_start(text, pairs[index + 1][0].start)
        moved = text[inside:end] + moved
        text = text[:start] + text[end:]
    at = text.index("\n", blocks[-1][0].start - (len(found.text) - len(text))) + 1
    return text[:at] + moved + text[at:]


def _place(text: str, node: Node) -> Location:
    line = text[node.start : node.end].split("\n", 1)[0]
    found = Location.of("", text, node.start)
    return Location("", found.line, found.column, line, in_file=True)
