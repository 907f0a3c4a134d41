"""From nodes to values, as goyaml v2 and sigs.k8s.io/yaml convert them.

goyaml decodes into ``interface{}``, and sigs.k8s.io/yaml turns that into JSON.

Source of the rules: ``go.yaml.in/yaml/v2`` ``decode.go`` (type ``decoder``) and ``sigs.k8s.io/yaml`` ``yaml.go``.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from awsauth.core.goyaml import scalars
from awsauth.core.goyaml.nodes import DEEPEST, Node, UntrustedYamlError, YamlSyntaxError
from awsauth.core.goyaml.plain_nodes import parse_plain
from awsauth.core.text.display import quoted

_ALIASES_ALWAYS_ALLOWED: Final = 100
_STEPS_ALWAYS_ALLOWED: Final = 1_000
_MANY_STEPS: Final = 400_000
_STEPS_RANGE: Final = 3_600_000


@dataclass(slots=True, eq=False, repr=False)
class Value:
    """A decoded node.

    Attributes:
        node: The node that holds the value; for an alias, its target.
        written: The node in the text: `node`, or the alias.
        type: ``list``, ``map``, or the type of the scalar in YAML 1.1.
        text: The text of the scalar.
        items: The items of a list.
        fields: The fields of a map: the key's node and the value by key. A key that is not text has its type in front,
            so that it matches no field.
    """

    node: Node
    written: Node
    type: scalars.Type | Literal["list", "map"]
    text: str = ""
    items: tuple[Value, ...] = ()
    fields: dict[str | tuple[str, str], tuple[Node, Value]] | None = None


def decode(root: Node) -> Value:
    """Decode a document's root.

    Raises:
        YamlSyntaxError: goyaml or the conversion to JSON fails, so that the authenticator drops the whole text.
        UntrustedYamlError: they may or may not fail.
    """
    decoder = _Decoder()
    value = decoder.decode(root)
    if decoder.met_oddities:
        for node, problem in _not_for_json(value):
            raise YamlSyntaxError(problem, node.start)
    return value


def loaded(text: str) -> Any:
    """Return the first document of a text in Python's types; None without a document.

    Raises:
        YamlSyntaxError: goyaml cannot read the text, or not for certain.
    """
    root = parse_plain(text)
    if root is None:
        from awsauth.core.goyaml.libyaml_nodes import parse_first  # most texts have a plain form

        root = parse_first(text)
    return _in_python(decode(root)) if root else None


def _in_python(value: Value) -> Any:
    match value.type:
        case "map":
            fields = (value.fields or {}).items()
            return {key if isinstance(key, str) else key[1]: _in_python(child) for key, (_, child) in fields}
        case "list":
            return [_in_python(item) for item in value.items]
        case "number":
            return scalars.number(value.text)
        case "bool":
            return value.text.lower() in ("y", "yes", "true", "on")
        case "null":
            return None
    return value.text


class _Decoder:
    def __init__(self) -> None:
        self._open_aliases: set[int] = set()
        self._steps = 1  # goyaml counts the document itself
        self._alias_steps = 0
        self._depth = 0
        self.met_oddities = False
        """Whether any decoded value has no form in JSON. Another value may have replaced it since."""

    def decode(self, written: Node) -> Value:
        self._count(written)
        if written.kind == "alias":
            return self._alias(written)
        if written.kind == "scalar":
            value = scalar(written, written)
            self.met_oddities |= value.type == "unmarshalable"
            return value
        self._depth += 1
        if self._depth > DEEPEST:
            raise UntrustedYamlError(f"more than {DEEPEST} levels of nesting", written.start)
        if written.kind == "sequence":
            value = Value(written, written, "list", items=tuple([self.decode(child) for child in written.children]))
        else:
            value = Value(written, written, "map", fields={})
            self._fill(written, value)
        self._depth -= 1
        return value

    def _count(self, node: Node) -> None:
        """Stop as goyaml does with "document contains excessive aliasing"."""
        self._steps += 1
        if not self._open_aliases:
            return
        self._alias_steps += 1
        if self._alias_steps > _ALIASES_ALWAYS_ALLOWED and self._steps > _STEPS_ALWAYS_ALLOWED:
            above = min(max(self._steps - _MANY_STEPS, 0), _STEPS_RANGE)
            if self._alias_steps / self._steps > 0.99 - 0.89 * above / _STEPS_RANGE:
                raise YamlSyntaxError("too much of the text comes from aliases", node.start)

    def _alias(self, written: Node) -> Value:
        if id(written) in self._open_aliases:
            raise YamlSyntaxError(f"the anchor {written.value!r} contains itself", written.start)
        assert written.target is not None  # noqa: S101 - the node builder looks every alias up
        self._open_aliases.add(id(written))
        value = self.decode(written.target)
        self._open_aliases.remove(id(written))
        return Value(value.node, written, value.type, value.text, value.items, value.fields)

    def _fill(self, node: Node, value: Value) -> None:
        """Put the pairs of a mapping into `value`.

        The last of equal keys wins, merged ones included.
        """
        assert value.fields is not None  # noqa: S101 - only called with a map
        for key, child in node.pairs():
            if key.kind == "scalar" and key.value == "<<" and (key.implicit or key.tag == scalars.MERGE_TAG):
                self._merge(child, value)
                continue
            name = self.decode(key)
            if name.type in ("list", "map"):
                raise YamlSyntaxError("a list or a mapping stands where a key should", key.start)
            self.met_oddities |= name.type == "null"
            identity = name.text if name.type == "string" else (name.type, name.text)
            value.fields[identity] = (key, self.decode(child))

    def _merge(self, written: Node, value: Value) -> None:
        """Merge a mapping, an alias of one, or a list of these, in which earlier ones win."""
        sources = reversed(written.children) if written.kind == "sequence" else [written]
        for source in sources:
            target = source.target if source.kind == "alias" else source
            if target is None or target.kind != "mapping":
                raise YamlSyntaxError("the value of `<<` is not a mapping", source.start)
            self._count(source)
            if source.kind == "alias":
                if id(source) in self._open_aliases:
                    raise YamlSyntaxError(f"the anchor {source.value!r} contains itself", source.start)
                self._open_aliases.add(id(source))
                self._count(target)
            self._fill(target, value)
            self._open_aliases.discard(id(source))


def scalar(node: Node, written: Node) -> Value:
    """Decode a scalar by its tag; a plain one without a tag by its text.

    Raises:
        YamlSyntaxError: it does not fit its tag.
        UntrustedYamlError: it may or may not fit.
    """
    name = scalars.CHECKED_TAGS.get(node.tag)
    if name is None:
        kind = scalars.plain_type(node.value) if node.implicit and not node.tag else "string"
        return Value(node, written, kind, node.value)
    if name == "timestamp":
        raise UntrustedYamlError(f"the tag {quoted(node.tag)}", node.start)
    if name == "binary":
        return Value(node, written, "string", _binary(node))
    if not scalars.fits_tag(name, node.value):
        raise YamlSyntaxError(f"{quoted(node.value)} does not fit the tag !!{name}", node.start)
    return Value(node, written, scalars.plain_type(node.value), node.value)


def _binary(node: Node) -> str:
    encoded = node.value.replace("\r", "").replace("\n", "")
    if not re.fullmatch("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", encoded):
        raise YamlSyntaxError("the value with the tag !!binary is not base64", node.start)
    try:
        return binascii.a2b_base64(encoded).decode()
    except UnicodeDecodeError as error:
        raise UntrustedYamlError("binary data that is not text", node.start) from error


def _not_for_json(value: Value) -> Iterator[tuple[Node, str]]:
    """Yield the values that JSON cannot hold: infinite numbers, null as a key."""
    if value.type == "unmarshalable":
        yield value.node, "JSON has no infinity and no NaN"
    for item in value.items:
        yield from _not_for_json(item)
    for key, (node, child) in (value.fields or {}).items():
        if not isinstance(key, str) and key[0] == "null":
            yield node, "JSON has no empty key and no null as a key"
        yield from _not_for_json(child)
