"""Find the ``aws-auth`` ConfigMap of a manifest file, and the places of its data."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.document.model import ARN_FIELD, KEYS
from awsauth.core.findings import Location, line_starts
from awsauth.core.goyaml.nodes import BOM, Node, UntrustedYamlError, YamlSyntaxError
from awsauth.core.goyaml.plain_nodes import parse_json, parse_plain
from awsauth.core.manifest.source import is_template_line, manifest_error, template_spans, template_tool
from awsauth.core.text.display import quoted, visible
from awsauth.core.text.lines import line_end, line_of, line_start, newline_of, noticed_at
from awsauth.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.document.document import Origin

WITHOUT_DATA: Final = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
"""


_LISTED: Final = 5

# The pattern of a text that people take for a manifest, its name, and the hint.
_OTHER_TEXTS: Final = (
    (
        r"(?m)^(?:@@ -\d|\+\+\+ |\+[ \w\"'-])",
        "a diff",
        "Apply it to the manifest. If it shows a whole manifest, `sed -n '/^+++/d; s/^[+ ]//p' DIFF` prints the new one.",
    ),
    ("(?m)^<{7} ", "an unresolved merge conflict of git", "Resolve it and try again."),
    (
        r"(?m)^(?:Data\n====$| *[-+~] resource \")",
        "the output of `kubectl describe` or `terraform plan`",
        "Pass the output of `kubectl get configmap aws-auth -n kube-system -o yaml`.",
    ),
)

TEMPLATE_HINT: Final = "Give the rendered manifest, or change the values of the template."


class ConfigMapLocation(NamedTuple):
    """The nodes of the ConfigMap in a file.

    Attributes:
        text: The file's text, with a line break at its end: kubectl reads the last line as if it had one.
        roots: The documents of the file.
        path: The nodes from the root of its document down to the ConfigMap.
        data_key: The key ``data``; None for a fragment without it.
        data: The value of ``data``: a mapping, an alias or a null; None without the key.
        is_json: Whether the file is JSON.
    """

    text: str
    roots: list[Node]
    path: list[Node]
    data_key: Node | None
    data: Node | None
    is_json: bool

    @property
    def document(self) -> Node:
        """The ConfigMap, or the fragment of one."""
        return self.path[-1]


def find_config_map(text: str) -> ConfigMapLocation:
    """Find the one ``aws-auth`` ConfigMap of a file.

    It is the ConfigMap of that name in ``kube-system`` or without a namespace. It may be a document or an item of a
    List. Without one, a part of a manifest counts (``data:``, or its keys alone). Without that, a ConfigMap of another
    name with the keys of ``aws-auth`` counts.

    Raises:
        ManifestError: the file cannot be read, or does not hold exactly one such object.
    """
    if not text.endswith("\n"):
        # k8s.io/apimachinery pkg/util/yaml (LineReader), which kubectl reads with, ends every line.
        text += newline_of(text)
    is_json, roots = _roots(text)
    objects = _objects(roots)
    ranked = [(rank, path) for path in objects if (rank := _rank(path[-1]))]
    if not ranked:
        raise _other_text(text) or _nothing_found(text, objects)
    first = min(rank for rank, _ in ranked)
    best = [path for rank, path in ranked if rank == first]
    if len(best) > 1:
        lines = " and ".join(str(line_of(text, path[-1].start)) for path in best[:_LISTED])
        message = f"The file holds {len(best)} objects that may be the aws-auth ConfigMap, at lines {lines}."
        raise manifest_error(message, text, best[1][-1].start, "Keep one of them, or give each its own file.")
    document = best[0][-1]
    top = fields(document)
    key, data = top.get("data", (None, None))
    if data is None and "kind" not in top and any(name in top for name in KEYS):
        data = document
    return ConfigMapLocation(text, roots, best[0], key, data, is_json)


def _roots(text: str) -> tuple[bool, list[Node]]:
    """Return whether a text is JSON, and the roots of its documents."""
    if plain := parse_plain(text):
        return False, [plain]
    if text.lstrip(f"{BOM} \t\r\n").startswith("{") and (roots := parse_json(text)) is not None:
        return True, roots
    from awsauth.core.goyaml.libyaml_nodes import parse_all  # most manifests are plain YAML

    try:
        return False, parse_all(text)
    except YamlSyntaxError as error:
        raise _other_text(text) or _unreadable(text, error) from error


def fields(node: Node | None) -> dict[str, tuple[Node, Node]]:
    """Return the nodes of a mapping by key; the last of repeated keys counts."""
    node = target(node)
    if node is None or node.kind != "mapping":
        return {}
    return {key.value: (key, value) for key, value in node.pairs() if key.kind == "scalar"}


def target(node: Node | None) -> Node | None:
    """Return the target of an alias; any other node itself."""
    return node.target if node is not None and node.kind == "alias" else node


def child(node: Node | None, key: str) -> Node | None:
    """Return the value of a key of a mapping; None without it."""
    return fields(node).get(key, (None, None))[1]


def _unreadable(text: str, error: YamlSyntaxError) -> ManifestError:
    control = re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]", text)
    if control is not None:
        message = f"The file holds the character {quoted(control.group())}, which YAML does not allow."
        return manifest_error(message, text, control.start(), "Remove the character and try again.")
    offset = noticed_at(text, error.offset)
    fault = line_of(text, offset)
    for number, line in enumerate(text.split("\n"), 1):
        if is_template_line(line) or (number in (fault - 1, fault) and any(template_spans(line))):
            tool, command = template_tool(line)
            message = f"The file is a template of {tool}, not YAML: {quoted(line.strip())}."
            hint = f"{TEMPLATE_HINT} `{command}` checks the rendered one."
            return ManifestError(message, location=f"line {number}", hint=hint)
    hint = "Correct it until `kubectl create --dry-run=client -f` reads the file, and try again."
    *_, key = re.findall(r"(?m)^ *(\w+):[ \t]*[|>]", text[:offset]) or [""]
    line = text[line_start(text, offset) : line_end(text, offset)].lstrip(" ")
    if line.startswith(tuple(f"{key}:" for key in KEYS)) and "\ndata:" not in f"\n{text}":
        hint = "Write `data:` on a line of its own above it, and try again."
    elif key and line.startswith("- "):
        hint = f"Indent the lines below `{key}: |` further than `{key}`, and try again."
    location = f"line {fault}, column {offset - line_start(text, offset) + 1}"
    fails = "has an uncertain meaning" if isinstance(error, UntrustedYamlError) else "is not YAML"
    return ManifestError(f"The file {fails}: {visible(error.problem)}.", location=location, hint=hint)


def _objects(roots: list[Node]) -> list[list[Node]]:
    """Return the path to every object of a file; for a List, the paths to its items."""
    objects = []
    waiting = [[root] for root in reversed(roots)]
    seen: set[int] = set()  # Aliases may lead to a List many times, or for ever.
    while waiting:
        path = waiting.pop()
        items = target(child(path[-1], "items"))
        if string(path[-1], "kind").endswith("List") and items is not None and items.kind == "sequence":
            if id(items) in seen:
                continue
            seen.add(id(items))
            waiting += [[*path, items, item] for item in reversed(items.children)]
        else:
            objects.append(path)
    return objects


def string(node: Node | None, key: str) -> str:
    """Return the text of a key of a mapping; empty without it."""
    value = target(child(node, key))
    return value.value if value is not None and value.kind == "scalar" else ""


def _rank(document: Node) -> int | None:
    """Return how well an object fits ``aws-auth``, 1 being best; None if it does not."""
    top = fields(document)
    kind = string(document, "kind")
    metadata = child(document, "metadata")
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


def _other_text(text: str) -> ManifestError | None:
    """Return the error for a text that is not a manifest; None for any other."""
    for pattern, name, hint in _OTHER_TEXTS:
        if match := re.search(pattern, text):
            return manifest_error(f"This is {name}, not a manifest.", text, match.start(), hint)
    return None


def _nothing_found(text: str, objects: list[list[Node]]) -> ManifestError:
    if eksctl := next((path[-1] for path in objects if _is_of_eksctl(path[-1])), None):
        message = "This is a configuration of eksctl, which does not hold aws-auth."
        return manifest_error(message, text, eksctl.start, f"Pass {_cluster_of(eksctl)} instead of a file.")
    if other := next((path[-1] for path in objects if _is_meant(path[-1])), None):
        message = f"The authenticator reads only a ConfigMap, and this is a {quoted(string(other, 'kind'))}."
        hint = "Write `kind: ConfigMap`, and under `data` each value as plain text, not in base64."
        return manifest_error(message, text, other.start, hint)
    for document in (path[-1] for path in objects):
        if string(document, "kind") == "ConfigMap" and (key := next((key for key in KEYS if child(document, key)), "")):
            hint = f"Write `data:` above it, and indent `{key}` and the lines below it further than `kind`."
            return manifest_error(f"`{key}` is not under `data`.", text, fields(document)[key][0].start, hint)
        names = {name.lower() for item in document.children if document.kind == "sequence" for name in fields(item)}
        if key := next((key for key, name in ARN_FIELD.items() if name in names), ""):
            hint = f"Write `{key}: |` above the list, and indent each line of the list by two blanks."
            return manifest_error("This is a list of mappings without its data key.", text, document.start, hint)
    shown = [_described(text, path[-1]) for path in objects[:_LISTED]]
    if len(objects) > _LISTED:
        shown.append(f"{len(objects) - _LISTED} more")
    message = f"The file does not hold an aws-auth ConfigMap. It holds {', '.join(shown) or 'nothing'}."
    smallest = f"The smallest such file is:\n\n{WITHOUT_DATA}data:\n  mapRoles: |\n    []\n"
    return ManifestError(message, hint=f"Name the file that holds it. {smallest}")


def _is_of_eksctl(document: Node) -> bool:
    return string(document, "apiVersion").startswith("eksctl.io/") or "iamIdentityMappings" in fields(document)


def _cluster_of(document: Node) -> str:
    """Return the arguments that name the cluster of a configuration of eksctl."""
    metadata = child(document, "metadata")
    named = (("cluster", string(metadata, "name")), ("region", string(metadata, "region")))
    written = [f'{argument}="{value}"' for argument, value in named if re.fullmatch(r"[\w-]+", value, re.ASCII)]
    return " and ".join(written) or "the cluster"


def _is_meant(document: Node) -> bool:
    """Whether an object of another kind is meant for the authenticator.

    It has its name, or the keys of its data.
    """
    data = {name for key in ("data", "stringData") for name in fields(child(document, key))}
    name = string(child(document, "metadata"), "name")
    is_named = name == "aws-auth" and ("data" in fields(document) or "stringData" in fields(document))
    return bool(string(document, "kind")) and (is_named or not data.isdisjoint(KEYS))


def _described(text: str, node: Node) -> str:
    metadata = child(node, "metadata")
    kind, name, namespace = string(node, "kind"), string(metadata, "name"), string(metadata, "namespace")
    described = quoted(kind) if kind else f"a {node.kind} without a kind"
    return f"{described}{' ' + quoted(name) if name else ''}{' in ' + quoted(namespace) if namespace else ''} (line {line_of(text, node.start)})"


def origins(found: ConfigMapLocation) -> Mapping[str, Origin]:
    """Return, for each data key, the function from its text to the file.

    The function takes and returns a place. In a literal block (``|``), and in one line without escapes, the place is
    exact. For other forms it is the place of the key.
    """
    return {name: partial(_in_file, found.text, *pair) for name, pair in fields(found.data).items()}


def _in_file(text: str, key: Node, value: Node, location: Location) -> Location:
    exact = _in_block(text, target(value) or value, location)
    line, column = exact or (Location.of("", text, key.start).line, key.start - line_start(text, key.start) + 1)
    return Location(location.key, line, column, location.text, in_file=True)


def _in_block(text: str, node: Node, location: Location) -> tuple[int, int] | None:
    """Return line and column in a literal block, or in a line without escapes."""
    start = Location.of("", text, node.start).line
    first = node.start + (node.style in ("'", '"'))
    if "\n" not in node.value and text.startswith(node.value, first):
        return start, first - line_start(text, first) + location.column
    if node.style != "|":
        return None
    known = min(location.line, node.value.rstrip("\n").count("\n") + 1)  # an edit may add lines behind the last one
    written, inner = _line(text, start + known), _line(node.value, known)
    return (start + location.line, len(written) - len(inner) + location.column) if written.endswith(inner) else None


def _line(text: str, number: int) -> str:
    """Return a line of a text without its end; empty past the last line."""
    starts = line_starts(text)
    start = starts[number - 1] if number <= len(starts) else len(text)
    return text[start : line_end(text, start)].rstrip("\r\n")
