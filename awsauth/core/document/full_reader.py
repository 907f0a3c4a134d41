"""Where a node and its fields stand in the text, as the editor needs to know it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from awsauth.core.document.authenticator import EntryReader, is_json, is_skipped
from awsauth.core.document.model import (
    KIND,
    EntryLayout,
    Field,
    Groups,
    Key,
    ListLayout,
    MappingEntry,
    ParsedList,
    Scalar,
)
from awsauth.core.document.repairs import readable
from awsauth.core.edit.changes import Repair
from awsauth.core.findings import Finding, Location, Severity
from awsauth.core.goyaml import nodes
from awsauth.core.goyaml.decode import Value, decode, scalar
from awsauth.core.text.lines import ODD_BREAK, line_end, line_start, noticed_at

if TYPE_CHECKING:
    from awsauth.core.document.authenticator import Winners
    from awsauth.core.goyaml.nodes import Node


_STYLES: Final[dict[str, Literal["plain", "single", "double"]]] = {"": "plain", "'": "single", '"': "double"}


_EDITED: Final = ("rolearn", "userarn", "username", "groups")


_DASH: Final = re.compile(r" *- +")


_DATA_KEY: Final = re.compile(r" *(mapRoles|mapUsers|mapAccounts) *:")
_CUT_TEMPLATE: Final = re.compile(r"[ -]*username: *system:node: *\r?$")
_BARE_TEMPLATE: Final = re.compile(r"[ -]*(username): *(\{\{\w+\}\}) *\r?$")


def list_layout(text: str, root: Node) -> ListLayout:
    """Return how the list at the root of a text is written."""
    if ODD_BREAK.search(text) or root.anchor is not None or root.tag:
        return ListLayout("other")
    if root.kind != "sequence":
        return empty_layout(text, root)
    if root.style == "flow":
        if not root.children and text[root.start : root.end] == "[]" and _stands_alone(text, root):
            return empty_layout(text, root)
        return ListLayout("flow", start=root.start, end=root.end)
    start = line_start(text, root.start)
    if text[start : root.start].strip(" "):
        return ListLayout("other")
    return ListLayout("block", column=root.start - start)


def empty_layout(text: str, root: Node | None) -> ListLayout:
    """Return where entries may be written in a text that holds none: in place of its null, or behind its comments."""
    if ODD_BREAK.search(text):
        return ListLayout("other")
    if root is not None and root.end > root.start:
        if not _stands_alone(text, root):
            return ListLayout("other")
        column = root.start - line_start(text, root.start)
        return ListLayout("empty", column=column, start=root.start, end=root.end)
    end = len(text.rstrip())
    if text[end:].startswith("\r\n"):
        end += 2
    elif text[end:].startswith("\n"):
        end += 1
    return ListLayout("empty", start=end, end=end)


def _stands_alone(text: str, node: Node) -> bool:
    """Whether a node has its line for itself."""
    before = text[line_start(text, node.start) : node.start]
    after = text[node.end : line_end(text, node.end)]
    return not before.strip(" ") and not after.strip()


def entry_shape(text: str, item: Value, winners: Winners, layout: ListLayout) -> EntryLayout:
    """Return how an entry of ``mapRoles`` or ``mapUsers`` is laid out, by the fields that count."""
    node = item.written
    fields = tuple(
        sorted(
            (
                Field(name, key.start, key.end, _groups(text, value) if name == "groups" else _scalar(text, value))
                for name, (key, value) in winners.items()
                if name in _EDITED and node.start <= key.start < node.end
            ),
            key=lambda field: field.start,
        )
    )
    start, end, own_lines = _extent(text, node, layout)
    if node.kind != "mapping" or node.anchor is not None or node.tag or not own_lines:
        return EntryLayout(start, end, "other", 0, fields)
    if node.style == "flow":
        return EntryLayout(start, end, "flow" if text[node.start] == "{" else "other", 0, fields)
    return EntryLayout(start, end, "block", node.start - line_start(text, node.start), fields)


def account_shape(text: str, item: Value, layout: ListLayout) -> EntryLayout:
    """Return how an entry of ``mapAccounts`` is laid out: its one field is called ``account``."""
    node = item.written
    start, end, own_lines = _extent(text, node, layout)
    fields = (Field("account", node.start, node.start, _scalar(text, item)),)
    return EntryLayout(start, end, layout.style if own_lines and layout.style != "empty" else "other", 0, fields)


def _extent(text: str, node: Node, layout: ListLayout) -> tuple[int, int, bool]:
    """Return start and end of an entry, and whether nothing else stands there."""
    if layout.style != "block":
        return node.start, node.end, layout.style == "flow"
    start = line_start(text, node.start)
    dash = text[start : node.start]
    alone = _DASH.fullmatch(dash) is not None and dash.index("-") == layout.column
    return start, line_end(text, _content_end(text, node)), alone


def _content_end(text: str, node: Node) -> int:
    """Return where the last character of a node stands, without the blanks that libyaml counts to its end."""
    while node.style != "flow" and node.children:
        node = node.children[-1]
    return node.start + len(text[node.start : node.end].rstrip())


def _scalar(text: str, value: Value) -> Scalar:
    node = value.written
    source = text[node.start : node.end]
    style = _STYLES.get(node.style) if node.kind == "scalar" and "\n" not in source else None
    simple = source == node.value if style == "plain" else style is not None and source[:1] == node.style
    return Scalar(node.start, node.end, value.text, style if style and simple else "other")


def _groups(text: str, value: Value) -> Groups:
    node = value.written
    if value.type == "null" and node.kind == "scalar" and not node.tag and node.anchor is None:
        return Groups(node.start, node.end, "none", 0, ())
    items = tuple([_group(text, item) for item in value.items])
    if value.type != "list" or node.kind != "sequence" or text[node.start] not in "[-":
        return Groups(node.start, node.end, "other", 0, items)
    if node.style == "flow":
        return Groups(node.start, node.end, "flow", 0, items)
    column = node.start - line_start(text, node.start)
    return Groups(node.start, _content_end(text, node), "block", column, items)


def _group(text: str, value: Value) -> Scalar:
    """Return a group as the authenticator holds it: one that is no text is an empty one to it."""
    scalar = _scalar(text, value)
    return scalar if value.type == "string" else scalar._replace(text="")


class FullEntry:
    """An `Entry` whose layout is worked out when it is asked for: the thousands that are only read need none."""

    __slots__ = ("_layout", "_shape", "_source", "mapped")

    def __init__(
        self, mapped: MappingEntry | None, source: tuple[str, Value, Winners | None], layout: ListLayout
    ) -> None:
        self.mapped = mapped
        self._source = source
        self._layout = layout
        self._shape: EntryLayout | None = None

    @property
    def shape(self) -> EntryLayout:
        """How it is laid out."""
        if self._shape is None:
            text, item, winners = self._source
            if winners is None:
                self._shape = account_shape(text, item, self._layout)
            else:
                self._shape = entry_shape(text, item, winners, self._layout)
        return self._shape


def read_fully(key: Key, text: str) -> ParsedList:
    """Read the text of one data key."""
    if is_skipped(text):
        return ParsedList(key, text, (), ListLayout("empty", end=len(text)))
    if key != "mapAccounts" and is_json(text):
        return _lost(
            key, text, "not-a-list", "A text that starts with a brace is taken as JSON, and that is no list.", 0
        )
    try:
        root = nodes.parse_first(text)
        return ParsedList(key, text, (), empty_layout(text, None)) if root is None else _read_root(key, text, root)
    except nodes.UntrustedYamlError as error:
        return _untrusted(key, text, error.problem, error.offset, error.hint)
    except nodes.YamlSyntaxError as error:
        return _lost(key, text, "unreadable", f"The YAML cannot be read: {error.problem}.", error.offset)


def _read_root(key: Key, text: str, root: Node) -> ParsedList:
    items = _accounts(root) if key == "mapAccounts" else _items(decode(root))
    if items is None:
        return _lost(key, text, "not-a-list", f"{key} has to hold a list.", root.start)
    reader = EntryReader(key, text)
    layout = list_layout(text, root)
    entries = []
    for item in items:
        if key == "mapAccounts":
            entries.append(FullEntry(reader.account(item), (text, item, None), layout))
        else:
            mapped, winners = reader.role_or_user(item)
            entries.append(FullEntry(mapped, (text, item, winners), layout))
    return ParsedList(key, text, tuple(entries), layout, tuple(sorted(reader.findings, key=_place)))


def _place(finding: Finding) -> tuple[int, int]:
    return (finding.location.line, finding.location.column) if finding.location else (0, 0)


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


def _lost(key: Key, text: str, code: str, message: str, start: int) -> ParsedList:
    hint, location = "Repair the text, or roll back to a revision that could be read.", _line_from(key, text, start)
    fix: tuple[Repair, ...] = ()
    if code == "unreadable" and (better := readable(key, text, start)):
        message, hint = f"The YAML cannot be read. {better.message}", better.hint
        location, fix = Location.of(key, text, better.start, better.end), (Repair(key=key),)
    elif code == "unreadable":
        lines = text.split("\n")[max(location.line - 2, 0) : location.line]
        hint = next(filter(None, map(_advice, reversed(lines))), hint)
    impact = f"The authenticator drops the whole of {key}: every {KIND[key]} in it loses access."
    finding = Finding(code, Severity.ERROR, message, impact, hint, location, fix=fix)
    return ParsedList(key, text, (), ListLayout("other"), (finding,))


def _advice(line: str) -> str:
    """Return the hint for a line at which reading stops, where people are known to write such a line; empty otherwise."""
    if match := _DATA_KEY.match(line):
        return f"Move `{match[1]}:` and the lines below it to the left: it is a data key of its own."
    if _CUT_TEMPLATE.match(line):
        return "Write `username: system:node:{{EC2PrivateDNSName}}`; a tool has removed what is in braces."
    if match := _BARE_TEMPLATE.match(line):
        return f'Write `{match[1]}: "{match[2]}"`: a value that begins with a brace needs quotes.'
    return ""


def failed_reading(key: Key, text: str, error: Exception) -> ParsedList:
    """Return the reading of a text at which a reader failed with an exception of Python's own."""
    return _untrusted(key, text, f"the reader of this library fails at it ({type(error).__name__})", 0)


def _untrusted(key: Key, text: str, problem: str, start: int, hint: str = nodes.UntrustedYamlError.hint) -> ParsedList:
    finding = Finding(
        "untrusted",
        Severity.ERROR,
        f"It cannot be said for certain what the authenticator makes of this: {problem}.",
        "It may drop the whole of it.",
        hint,
        _line_from(key, text, start),
    )
    return ParsedList(key, text, (), ListLayout("other"), (finding,), trusted=False)


def _line_from(key: Key, text: str, start: int) -> Location:
    start = noticed_at(text, start)
    end = text.find("\n", start)
    return Location.of(key, text, start, len(text) if end < 0 else end)
