"""A manifest file with the ConfigMap, and the data in it.

The outer text is YAML or JSON: one object or several, Lists, fragments. It is read as kubectl reads it
(sigs.k8s.io/yaml: YAML 1.1, the last of repeated keys counts). An edit replaces only the lines that it changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from awsauth.core.document.document import Document
from awsauth.core.findings import Finding
from awsauth.core.goyaml.decode import scalar
from awsauth.core.goyaml.nodes import Node
from awsauth.core.goyaml.scalars import CHECKED_TAGS
from awsauth.core.manifest.locate import TEMPLATE_HINT, ConfigMapLocation, fields, find_config_map, origins, target
from awsauth.core.manifest.manifest_findings import merged, repeated, shadowed, unread_object_findings
from awsauth.core.manifest.outer_edits import edit_scalar, fill_empty, insert_key, remove_key, to_literal
from awsauth.core.manifest.source import check_templates, decode_manifest, manifest_error, template_spans
from awsauth.core.text.display import quoted, visible
from awsauth.core.text.lines import Splice, spliced
from awsauth.errors import ManifestError


def document_in(raw: str | bytes) -> Document | None:
    """Return the data of a ConfigMap in a file; None if it holds something else.

    Raises:
        ManifestError: it cannot be read.
    """
    # Byte by byte and without the zeros, UTF-16 looks as UTF-8 does, but for the byte order mark.
    shown = raw.replace(b"\0", b"").decode("latin-1") if isinstance(raw, bytes) else raw
    if not re.search(r"""(?m)(?:^(?:ï»¿|ÿþ|þÿ)?|[{,])[ \t]*["']?kind["']?\s*:\s*["']?ConfigMap\b""", shown):
        return None
    return Manifest.parse(decode_manifest(raw)[0] if isinstance(raw, bytes) else raw).document


@dataclass(slots=True, eq=False, repr=False)  # to make a frozen one takes four times as long
class Manifest:
    """The text of a manifest file and the data of its ``aws-auth``; never changed.

    Attributes:
        text: The whole file, with its line breaks, without its byte order mark.
        data: The ConfigMap's data, by key.
        found: The nodes of the ConfigMap in the text.
    """

    text: str
    data: Mapping[str, str]
    found: ConfigMapLocation

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Find the ConfigMap in a text and read its data.

        Raises:
            ManifestError: the text is neither YAML nor JSON, or does not hold exactly one ``aws-auth`` ConfigMap. Or
                the API server would refuse it, such as for a list instead of a text.
        """
        found = find_config_map(text)
        return cls(text, MappingProxyType(_read(found)), found)

    @property
    def document(self) -> Document:
        """The data, with its places in the file.

        An object without ``kind`` and ``mapRoles`` is a fragment.
        """
        is_fragment = "mapRoles" not in self.data and "kind" not in fields(self.found.document)
        return Document(self.data, origins=origins(self.found), is_fragment=is_fragment)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings about the object, and about repeated keys."""
        return (*unread_object_findings(self.found), *repeated(self.found))

    def with_data(self, data: Mapping[str, str]) -> str:
        """Return the file's text with other data.

        Only lines that differ are touched. A new key goes behind the last one; a key that `data` lacks is removed. The
        result is read again and compared.

        Raises:
            ManifestError: the edit would touch other text, or a template.
        """
        current = self._with_shadowed(data)
        for key in [key for key in self.data if key not in data]:
            current = current.with_key(key, None)
        for key, value in data.items():
            if current.data.get(key) != value:
                current = current.with_key(key, value)
        return current.text

    def _with_shadowed(self, data: Mapping[str, str]) -> Manifest:
        """Return the manifest with an earlier `data:` merged into the last one.

        That is only possible if `data` has all of its keys.
        """
        hidden = shadowed(self.found)
        text = merged(self.found) if hidden and hidden.items() <= data.items() else None
        if text is None:
            return self
        changed = Manifest.parse(text.removesuffix(self.found.text[len(self.text) :]))
        if changed.data != {**hidden, **self.data}:
            raise self._unsafe("data")
        return changed

    def in_literal_blocks(self) -> Manifest:
        """Return the manifest with literal blocks for values of several lines.

        Raises:
            ManifestError: a literal block cannot hold a character, or the edit would touch a template.
        """
        data = self.found.data
        if data is None or data.style == "flow" or self.found.is_json:
            return self
        current = self
        for key in self.data:
            if splices := to_literal(current.found.text, *fields(current.found.data)[key]):
                current = current._edited(key, splices, self.data)
        return current

    def with_key(self, key: str, value: str | None) -> Manifest:
        """Return the manifest with one key set or, with None, removed.

        Raises:
            ManifestError: as for `with_data`.
        """
        found, text = self.found, self.found.text
        _check_shared(text, found)
        others = {name: other for name, other in self.data.items() if name != key}
        if value is None:
            return self._edited(key, remove_key(text, found.data, key) if found.data else [], others)
        if found.data is None:
            return self._edited("data", insert_key(text, found.document, "data", None), self.data).with_key(key, value)
        return self._edited(key, self._splices(key, value, found.data), {**others, key: value})

    def _edited(self, key: str, splices: list[Splice], wanted: Mapping[str, str]) -> Manifest:
        """Return the manifest with splices applied.

        Raise unless the data is as wanted and nothing else has changed, templates included.
        """
        present = fields(self.found.data).get(key)
        check_templates(self.found.text, splices, present[1].start if present else len(self.text))
        try:
            changed = Manifest.parse(spliced(self.found.text, splices).removesuffix(self.found.text[len(self.text) :]))
        except ValueError as error:
            raise self._unsafe(key) from error
        if changed.data != wanted or _outline(self.found, key) != _outline(changed.found, key):
            raise self._unsafe(key)
        return changed

    def _splices(self, key: str, value: str, data: Node) -> list[Splice]:
        found, text, is_json = self.found, self.found.text, self.found.is_json
        if not data.children and found.data_key is not None:
            return fill_empty(text, found.document, found.data_key, data, name=key, value=value, is_json=is_json)
        present = fields(data).get(key)
        if present is None:
            return insert_key(text, data, key, value)
        return edit_scalar(text, *present, value, flow=data.style == "flow", is_json=is_json)

    def _unsafe(self, key: str) -> ManifestError:
        present = fields(self.found.data).get(key)
        offset = present[0].start if present else self.found.document.start
        form = f"`{visible(key)}: |` with the lines indented below it"
        hint = f"Change the file by hand, or write the key as a literal block, {form}, and try again."
        return manifest_error(f"An edit of {quoted(key)} would change other text.", self.text, offset, hint)


def _read(found: ConfigMapLocation) -> dict[str, str]:
    """Return the data of the ConfigMap as the API server reads it."""
    text = found.text
    data = target(found.data)
    for mapping in (found.document, data):
        for key, _ in mapping.pairs() if mapping is not None and mapping.kind == "mapping" else ():
            if key.value == "<<" and key.implicit:
                hint = "Write the keys in their place and try again."
                raise manifest_error("The ConfigMap merges other keys with `<<`.", text, key.start, hint)
    if data is None or _type(data) == "null":
        return {}
    if data.kind != "mapping":
        raise _not_text(text, found.data or data, "`data`", f"{_named(data)}, not a mapping of keys to texts")
    return {_key_text(text, key): _value_text(text, key, value) for key, value in data.pairs()}


def _key_text(text: str, key: Node) -> str:
    if key.kind == "scalar" and (_type(key) == "string" or (key.value.isdecimal() and not key.value.startswith("0"))):
        return key.value
    raise _not_text(text, key, f"a key of `data` ({quoted(text[key.start : key.end], 40)})", f"{_named(key)}, not text")


def _value_text(text: str, key: Node, value: Node) -> str:
    node = target(value) or value
    if (kind := _type(node)) not in ("string", "null"):
        raise _not_text(text, value, quoted(key.value), f"{_named(node)}, and the API server accepts only text")
    return node.value if kind == "string" else ""


def _type(node: Node) -> str:
    """Return the kind of a node; of a scalar its type in YAML 1.1 (``null``)."""
    if node.kind != "scalar":
        return node.kind
    return "value with a tag of its own" if node.tag in CHECKED_TAGS else scalar(node, node).type


def _named(node: Node) -> str:
    """Return the kind of a node, in words."""
    kind = _type(node)
    words = {"bool": "a truth value", "unmarshalable": "a number", "sequence": "a list", "alias": "an alias"}
    return words.get(kind, f"a {kind}")


def _not_text(text: str, node: Node, name: str, message: str) -> ManifestError:
    if text.startswith("{{", node.start) and any(template_spans(text, node.start, node.end)):
        message = f"The value of {name} is a template, {quoted(text[node.start : node.end])}."
        return manifest_error(message, text, node.start, TEMPLATE_HINT)
    hint = "Put it in quotes."
    if node.kind == "sequence" and text.lstrip().startswith("{"):  # JSON has no literal blocks
        hint = f"Make it a text: `jq '(.. | .{name.strip('`')}? | arrays) |= tostring' FILE` prints the file with it."
    elif node.kind == "sequence":
        hint = "Put `|` behind the key, and the list indented below it."
    return manifest_error(f"{name[0].upper()}{name[1:]} is {message}.", text, node.start, f"{hint} Then try again.")


def _check_shared(text: str, found: ConfigMapLocation) -> None:
    """Refuse to edit nodes that aliases may share with other objects."""
    for node in [*found.path, *([found.data] if found.data else [])]:
        if node.kind == "alias" or node.anchor is not None:
            message = "The ConfigMap has an anchor or an alias, so that an edit may change other objects too."
            raise manifest_error(message, text, node.start, "Write it without them and try again.")


def _outline(found: ConfigMapLocation, key: str) -> list[tuple[str | int | None, ...]]:
    """Return the content of a file except the value of `key`, for comparison."""
    data = found.data
    skipped: set[int] = set()
    waiting = list(found.roots)
    if data is not None and data.kind == "mapping":
        skipped = {id(node) for pair in data.pairs() if pair[0].value == key for node in pair}
    if data is not None and found.data_key is not None:
        skipped |= {id(found.data_key), id(data)}
        waiting += data.children
    outline: list[tuple[str | int | None, ...]] = []
    while waiting:
        node = waiting.pop()
        if id(node) not in skipped:
            count = sum(id(child) not in skipped for child in node.children)
            outline.append((node.kind, node.style, node.tag, node.anchor, node.value, count))
            waiting += node.children
    return outline
