"""Which object in a manifest file is the ``aws-auth`` ConfigMap, and where its data is."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.document.model import KEYS
from awsauth.core.findings import Location, line_starts
from awsauth.core.goyaml.json_nodes import parse_json
from awsauth.core.goyaml.nodes import UntrustedYamlError, YamlSyntaxError, parse_all
from awsauth.core.manifest.source import manifest_error, manifest_error_at
from awsauth.core.manifest.templates import is_template_line, templates
from awsauth.core.text.display import quoted, visible
from awsauth.core.text.lines import line_end, line_of, line_start, newline_of, noticed_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.document.document import Origin
    from awsauth.core.goyaml.nodes import Node
    from awsauth.core.manifest.manifest import Manifest
    from awsauth.errors import ManifestError


_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


_SMALLEST: Final = """\
The smallest one is:

apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    []
"""


_LISTED: Final = 5


TEMPLATE_HINT: Final = "Give the rendered manifest, or change the values that the template is made from."


class ConfigMapLocation(NamedTuple):
    """Where the ConfigMap is among the nodes of a file."""

    text: str
    """The file's text, ended by a line break: kubectl reads the last line as if it had one."""
    roots: list[Node]
    path: list[Node]
    """From the root of its document down to the ConfigMap."""
    data_key: Node | None
    data: Node | None
    """What `data` holds: a mapping, an alias or a null; None where there is no such key."""
    is_json: bool

    @property
    def document(self) -> Node:
        """The ConfigMap, or the fragment of one."""
        return self.path[-1]


def find_config_map(text: str) -> ConfigMapLocation:
    """Find the one ``aws-auth`` ConfigMap of a file.

    It is the ConfigMap of that name in ``kube-system`` or without a namespace, in a document of its own or in the
    items of a List. Only where there is none, a fragment counts (``data:``, or the keys of data on their own), and
    where that is missing too, a ConfigMap of another name with the keys of ``aws-auth``.

    Raises:
        ManifestError: the file cannot be read, holds no such object, or more than one.
    """
    if not text.endswith("\n"):
        # k8s.io/apimachinery pkg/util/yaml (LineReader), which kubectl reads with, ends every line.
        text += newline_of(text)
    json_roots = parse_json(text)
    roots = _yaml_roots(text) if json_roots is None else json_roots
    candidates: dict[int, list[list[Node]]] = {}
    objects = _objects(roots)
    for path in objects:
        rank = _rank(path[-1])
        if rank is not None:
            candidates.setdefault(rank, []).append(path)
    if not candidates:
        raise _nothing_found(text, objects)
    best = candidates[min(candidates)]
    if len(best) > 1:
        lines = " and ".join(str(line_of(text, path[-1].start)) for path in best[:_LISTED])
        message = f"The file holds {len(best)} objects that may be the aws-auth ConfigMap, at lines {lines}"
        raise manifest_error(
            message, text, best[1][-1].start, "Keep one of them in the file, or give them files of their own."
        )
    return _located(text, best[0], roots, is_json=json_roots is not None)


def fields(node: Node | None) -> dict[str, tuple[Node, Node]]:
    """Return the keys of a mapping with the nodes of key and value; the last of repeated keys counts."""
    node = target(node)
    if node is None or node.kind != "mapping":
        return {}
    return {key.value: (key, value) for key, value in node.pairs() if key.kind == "scalar"}


def target(node: Node | None) -> Node | None:
    """Return what an alias stands for; any other node itself."""
    return node.target if node is not None and node.kind == "alias" else node


def _located(text: str, path: list[Node], roots: list[Node], *, is_json: bool) -> ConfigMapLocation:
    document = path[-1]
    top = fields(document)
    key, data = top.get("data", (None, None))
    if data is None and "kind" not in top and any(name in top for name in KEYS):
        data = document
    return ConfigMapLocation(text, roots, path, key, data, is_json)


def _yaml_roots(text: str) -> list[Node]:
    try:
        return parse_all(text)
    except YamlSyntaxError as error:
        raise _unreadable(text, error) from error


def _unreadable(text: str, error: YamlSyntaxError) -> ManifestError:
    control = _CONTROL.search(text)
    if control is not None:
        message = f"The file holds the character {quoted(control.group())}, which YAML does not allow"
        return manifest_error(message, text, control.start(), "Remove it and try again.")
    offset = noticed_at(text, error.offset)
    fault = line_of(text, offset)
    for number, line in enumerate(text.split("\n"), 1):
        if is_template_line(line) or (number in (fault - 1, fault) and any(templates(line))):
            message = f"The file is a template, not YAML: {quoted(line.strip())}"
            return manifest_error_at(f"line {number}", message, TEMPLATE_HINT)
    hint = "Correct it so that `kubectl create --dry-run=client -f` reads the file, and try again."
    if text[line_start(text, offset) : line_end(text, offset)].lstrip(" ").startswith("- "):
        hint = "The lines below `mapRoles: |` have to be indented further than `mapRoles`. Correct that and try again."
    location = f"line {fault}, column {offset - line_start(text, offset) + 1}"
    uncertain = isinstance(error, UntrustedYamlError)
    message = f"The file {'cannot be read for certain' if uncertain else 'is not YAML'}: {visible(error.problem)}"
    return manifest_error_at(location, message, hint)


def _objects(roots: list[Node]) -> list[list[Node]]:
    """Return the path to every object of a file, those in Lists instead of the Lists."""
    objects = []
    waiting = [[root] for root in reversed(roots)]
    seen: set[int] = set()  # Aliases may lead to a List again and again, or for ever.
    while waiting:
        path = waiting.pop()
        items = target(fields(path[-1]).get("items", (None, None))[1])
        if string(path[-1], "kind").endswith("List") and items is not None and items.kind == "sequence":
            if id(items) in seen:
                continue
            seen.add(id(items))
            waiting += [[*path, items, item] for item in reversed(items.children)]
        else:
            objects.append(path)
    return objects


def string(node: Node | None, key: str) -> str:
    """Return what a mapping says about itself; empty where it does not, or not as text."""
    value = target(fields(node).get(key, (None, None))[1])
    return value.value if value is not None and value.kind == "scalar" else ""


def _rank(document: Node) -> int | None:
    """Return how well an object answers to ``aws-auth``, 1 being best; None where it does not."""
    top = fields(document)
    kind = string(document, "kind")
    metadata = top.get("metadata", (None, None))[1]
    name, namespace = string(metadata, "name"), string(metadata, "namespace")
    in_place = namespace in ("", "kube-system")
    data = fields(top["data"][1]) if "data" in top else top if not kind else {}
    known = any(key in data for key in KEYS)
    if kind not in ("", "ConfigMap"):
        return None
    if kind and name == "aws-auth" and in_place:
        return 1
    if name in ("", "aws-auth") and in_place and (known or name):
        return 2
    return 3 if known else None


def _nothing_found(text: str, objects: list[list[Node]]) -> ManifestError:
    shown = [_described(text, path[-1]) for path in objects[:_LISTED]]
    if len(objects) > _LISTED:
        shown.append(f"{len(objects) - _LISTED} more")
    held = ", ".join(shown) if shown else "nothing"
    message = f"The file holds no aws-auth ConfigMap (it holds {held})"
    if eksctl := next((path[-1] for path in objects if _is_of_eksctl(path[-1])), None):
        message = "This is a configuration of eksctl, and aws-auth is not in it"
        return manifest_error(message, text, eksctl.start, f"Pass {_cluster_of(eksctl)} instead of a file.")
    other = next((path[-1] for path in objects if _is_meant(path[-1])), None)
    if other is not None:
        kind = string(other, "kind")
        message = f"The authenticator reads only a ConfigMap, and this is a {quoted(kind)}"
        hint = "Write `kind: ConfigMap`, and under `data` each value as plain text, not in base64."
        return manifest_error(message, text, other.start, hint)
    return manifest_error_at("", message, f"Name the file that holds it. {_SMALLEST}")


def _is_of_eksctl(document: Node) -> bool:
    return string(document, "apiVersion").startswith("eksctl.io/") or "iamIdentityMappings" in fields(document)


def _cluster_of(document: Node) -> str:
    """Return the arguments that name the cluster of a configuration of eksctl."""
    metadata = fields(document).get("metadata", (None, None))[1]
    named = (("cluster", string(metadata, "name")), ("region", string(metadata, "region")))
    written = [f'{argument}="{value}"' for argument, value in named if re.fullmatch(r"[\w-]+", value, re.ASCII)]
    return " and ".join(written) or "the cluster"


def _is_meant(document: Node) -> bool:
    """Whether an object of another kind is meant for the authenticator: by its name, or the keys of its data."""
    data = {name for key in ("data", "stringData") for name in fields(fields(document).get(key, (None, None))[1])}
    name = string(fields(document).get("metadata", (None, None))[1], "name")
    is_named = name == "aws-auth" and ("data" in fields(document) or "stringData" in fields(document))
    return bool(string(document, "kind")) and (is_named or not data.isdisjoint(KEYS))


def _described(text: str, node: Node) -> str:
    metadata = fields(node).get("metadata", (None, None))[1]
    kind, name, namespace = string(node, "kind"), string(metadata, "name"), string(metadata, "namespace")
    message = quoted(kind) if kind else f"a {node.kind} without a kind"
    return f"{message}{' ' + quoted(name) if name else ''}{' in ' + quoted(namespace) if namespace else ''} (line {line_of(text, node.start)})"


class FilePosition(NamedTuple):
    """A line and a column of a file, counted from 1."""

    line: int
    column: int


def origins(manifest: Manifest) -> Mapping[str, Origin]:
    """Return for each data key the function that turns a place in its text into its place in the file."""
    pairs = fields(manifest.found.data)
    return {name: partial(_in_file, manifest.found.text, *pair) for name, pair in pairs.items()}


def position_in_file(manifest: Manifest, location: Location | None) -> FilePosition | None:
    """Return the position of a place in the file; None without a place, or for a key that is not in the file.

    In a literal block (``|``) that is exact. Text in quotes may run over lines in another way: then it is its key.
    """
    origin = origins(manifest).get(location.key) if location else None
    if location is None or origin is None:
        return None
    found = origin(location)
    return FilePosition(found.line, found.column)


def _in_file(text: str, key: Node, value: Node, location: Location) -> Location:
    exact = _in_block(text, target(value) or value, location)
    line, column = exact or (Location.of("", text, key.start).line, key.start - line_start(text, key.start) + 1)
    return Location(location.key, line, column, location.text, in_file=True)


def _in_block(text: str, node: Node, location: Location) -> FilePosition | None:
    """Return a position in a literal block: the file has each of its lines with some spaces before it."""
    if node.style != "|":
        return None
    start = Location.of("", text, node.start).line
    known = min(location.line, node.value.rstrip("\n").count("\n") + 1)  # an edit may add lines behind the last one
    written, inner = _line(text, start + known).rstrip("\r"), _line(node.value, known).rstrip("\r")
    is_exact = written.endswith(inner)
    return FilePosition(start + location.line, len(written) - len(inner) + location.column) if is_exact else None


def _line(text: str, number: int) -> str:
    """Return a line of a text without its end; empty for a line that it does not have."""
    starts = line_starts(text)
    if number > len(starts):
        return ""
    return text[starts[number - 1] : starts[number] if number < len(starts) else len(text)].rstrip("\n")
