"""Read any YAML of a data key, with goyaml's rules and every field's place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final, Literal

from awsauth.core.document.authenticator import GO_SPACE, EntryReader, Winners, is_skipped
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
    collecting_later,
)
from awsauth.core.document.repairs import readable
from awsauth.core.edit.changes import Repair
from awsauth.core.findings import Finding, Location, Severity
from awsauth.core.goyaml import nodes
from awsauth.core.goyaml.decode import Value, decode, scalar
from awsauth.core.goyaml.libyaml_nodes import parse_first
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import ODD_BREAK, line_end, line_start, noticed_at

_STYLES: Final[dict[str, Literal["plain", "single", "double"]]] = {"": "plain", "'": "single", '"': "double"}
_EDITED: Final = ("rolearn", "userarn", "username", "groups")
_BLANKS: Final = " \t\r\n"  # the white space of YAML; other white space of Unicode belongs to values
# Well-known mistakes in the line at which reading stops, with their hints. They may also be in the line before.
_ADVICE: Final = (
    (
        re.compile(r"\A *(mapRoles|mapUsers|mapAccounts) *:"),
        r"Move `\1:` and the lines below it to the left: it is a data key of its own.",
    ),
    (
        re.compile(r"\A[ -]*username: *system:node: *\r?$"),
        r"Write `username: system:node:{{EC2PrivateDNSName}}`; a tool has removed the braces and the text in them.",
    ),
    (
        re.compile(r"\A[ -]*(username): *(\{\{\w+\}\}) *\r?$"),
        r'Write `\1: "\2"`: a value that begins with a brace needs quotes.',
    ),
    (
        re.compile(r"\A[ -]*\w+: *(\{[\w-]+\})[^\s,}]"),
        r"Replace the placeholder `\1`: YAML takes a brace for the start of a mapping.",
    ),
)


def _list_layout(text: str, root: nodes.Node | None) -> ListLayout:
    """Return the layout of a list.

    New entries go instead of an empty list or a null, or after the comments of a text without either.
    """
    if ODD_BREAK.search(text) or (root and (root.anchor is not None or root.tag)):
        return ListLayout("other")
    if root is None or root.start == root.end:
        end = len(text.rstrip(_BLANKS))
        end += next((len(line_end) for line_end in ("\r\n", "\n") if text.startswith(line_end, end)), 0)
        return ListLayout("empty", start=end, end=end)
    start, is_list = line_start(text, root.start), root.kind == "sequence"
    if (not is_list or text[root.start : root.end] == "[]") and _stands_alone(text, root):
        return ListLayout("empty", root.start - start, root.start, root.end)
    if is_list and root.style == "flow":
        return ListLayout("flow", start=root.start, end=root.end)
    is_block = is_list and not text[start : root.start].strip(" ")
    return ListLayout("block", root.start - start) if is_block else ListLayout("other")


def _stands_alone(text: str, node: nodes.Node) -> bool:
    """Whether nothing else is on the line of a node."""
    before = text[line_start(text, node.start) : node.start]
    return not before.strip(" ") and not text[node.end : line_end(text, node.end)].strip()


def _content_end(text: str, node: nodes.Node) -> int:
    """Return the end of a node without the blanks that libyaml counts to it."""
    last = node.last()
    return last.start + len(text[last.start : last.end].rstrip(_BLANKS))


def _scalar(text: str, value: Value) -> Scalar:
    node = value.written
    source = text[node.start : node.end]
    style = _STYLES.get(node.style) if node.kind == "scalar" and "\n" not in source else None
    is_simple = source == node.value if style == "plain" else style is not None and source[:1] == node.style
    return Scalar(node.start, node.end, value.text, style if style and is_simple else "other")


def _groups(text: str, value: Value) -> Groups:
    node = value.written
    if value.type == "null" and node.kind == "scalar" and not node.tag and node.anchor is None:
        return Groups(node.start, node.end, "none", 0, ())
    # To the authenticator, a group that is not text is an empty one.
    scalars = [(item, _scalar(text, item)) for item in value.items]
    items = tuple([one if item.type == "string" else one._replace(text="") for item, one in scalars])
    if value.type != "list" or node.kind != "sequence" or text[node.start] not in "[-":
        return Groups(node.start, node.end, "other", 0, items)
    if node.style == "flow":
        return Groups(node.start, node.end, "flow", 0, items)
    return Groups(node.start, _content_end(text, node), "block", node.start - line_start(text, node.start), items)


class FullEntry:
    """An `Entry` of a text that was read in full.

    Args:
        mapped: Its mapping, or None.
        text: The text.
        item: Its decoded value.
        winners: Its fields; None for an account.
        layout: The layout of the list.
    """

    def __init__(
        self, mapped: MappingEntry | None, text: str, item: Value, winners: Winners | None, layout: ListLayout
    ) -> None:
        self.mapped = mapped
        self._text = text
        self._item = item
        self._winners = winners
        self._list = layout

    @property
    def keys(self) -> list[str]:
        """Its keys as written, also those whose value a merge key replaces."""
        return [name.value for name in self._item.written.children[::2]]

    @cached_property
    def shape(self) -> EntryLayout:
        """Its layout."""
        text, node, winners = self._text, self._item.written, self._winners
        start, end, has_own_lines = self._extent()
        if winners is None:
            account = Field("account", node.start, node.start, _scalar(text, self._item))
            style = self._list.style
            return EntryLayout(start, end, style if has_own_lines and style != "empty" else "other", 0, (account,))
        found = [
            Field(name, key.start, key.end, _groups(text, value) if name == "groups" else _scalar(text, value))
            for name, (key, value) in winners.items()
            if name in _EDITED and node.start <= key.start < node.end
        ]
        fields = tuple(sorted(found, key=lambda field: field.start))
        is_odd = node.kind != "mapping" or node.anchor is not None or node.tag or not has_own_lines
        if is_odd or (node.style == "flow" and text[node.start] != "{"):
            return EntryLayout(start, end, "other", 0, fields)
        if node.style == "flow":
            return EntryLayout(start, end, "flow", 0, fields)
        return EntryLayout(start, end, "block", node.start - line_start(text, node.start), fields)

    def _extent(self) -> tuple[int, int, bool]:
        """Return start and end, and whether the entry shares its lines with nothing else."""
        text, node = self._text, self._item.written
        if self._list.style != "block":
            return node.start, node.end, self._list.style == "flow"
        start = line_start(text, node.start)
        dash = text[start : node.start]
        is_alone = re.fullmatch(" *- +", dash) is not None and dash.index("-") == self._list.column
        return start, line_end(text, _content_end(text, node)), is_alone


@collecting_later
def read_fully(key: Key, text: str) -> ParsedList:
    """Read the text of one data key."""
    if is_skipped(text):
        return ParsedList(key, text, (), ListLayout("empty", end=len(text)))
    if key != "mapAccounts" and text.lstrip(GO_SPACE).startswith("{"):
        message = "The authenticator reads a text that starts with a brace as JSON, and this is not a list."
        return _lost(key, text, "not-a-list", message, 0)
    try:
        root = parse_first(text)
        return _read_root(key, text, root) if root else ParsedList(key, text, (), _list_layout(text, None))
    except nodes.UntrustedYamlError as error:
        return _untrusted(key, text, error.problem, error.offset, error.hint)
    except nodes.YamlSyntaxError as error:
        return _lost(key, text, "unreadable", f"The YAML cannot be read: {error.problem}.", error.offset)


def _read_root(key: Key, text: str, root: nodes.Node) -> ParsedList:
    items = _accounts(root) if key == "mapAccounts" else _items(decode(root))
    if items is None:
        return _lost(key, text, "not-a-list", f"{key} does not hold a list.", root.start)
    reader = EntryReader(key, text)
    layout = _list_layout(text, root)
    read = []
    for item in items:
        known = len(reader.findings)
        mapped, winners = (reader.account(item), None) if key == "mapAccounts" else reader.role_or_user(item)
        read.append((FullEntry(mapped, text, item, winners, layout), reader.findings[known:]))
    is_dropped = key != "mapAccounts" and any(finding.code == "entry-dropped" for finding in reader.findings)
    findings = _of_whole_mappings(key, text, read) if is_dropped else reader.findings
    entries, in_order = tuple([entry for entry, _ in read]), tuple(sorted(findings, key=_place))
    return ParsedList(key, text, entries, layout, in_order, root=root)


def _of_whole_mappings(key: Key, text: str, read: list[tuple[FullEntry, list[Finding]]]) -> Iterator[Finding]:
    """Yield the findings of entries, with one for each mapping that dashes split.

    Parts that may belong to either of two mappings keep their findings.
    """
    runs: list[tuple[list[FullEntry], set[str], list[Finding]]] = []
    for entry, found in read:
        names = {key.lower() for key in entry.keys} | ({""} if entry.mapped else set())
        # An empty entry, or one that is an alias, has no fields of its own to complete others.
        is_whole = not runs or not entry.shape.fields or not runs[-1][0][-1].shape.fields
        if is_whole or not names.isdisjoint(runs[-1][1]):
            runs.append(([], set(), []))
        runs[-1][0].append(entry)
        runs[-1][1].update(names)
        runs[-1][2].extend(found)
    for (parts, _, found), (_, others, _) in zip(runs, [*runs[1:], runs[-1]], strict=True):
        last, arn = parts[-1], next((part for part in parts if part.mapped and part.mapped.principal), None)
        is_unclear = not last.mapped and "" in others and others.isdisjoint(field.name for field in last.shape.fields)
        if len(parts) == 1 or not arn or is_unclear:
            yield from found
            continue
        first, *more = (quoted(part.keys[0]) for part in parts)
        message = f"Dashes split one mapping into {len(parts)} entries."
        impact = "The authenticator drops those without an ARN, and the principal gets nothing of them."
        hint = "Write their fields in one entry."
        if all(part.shape.style == "block" for part in parts):
            hint = f"Below {first}, replace the dash before {' and before '.join(more)} with a blank."
        principal = arn.mapped.principal if arn.mapped else ""
        location = Location.of(key, text, arn.shape.fields[0].start)
        yield Finding("entry-dropped", Severity.ERROR, message, impact, hint, location, principal)
        yield from (finding for finding in found if finding.code != "entry-dropped")


def _place(finding: Finding) -> tuple[int, int]:
    return (finding.location.line, finding.location.column) if finding.location else (0, 0)


def _items(root: Value) -> tuple[Value, ...] | None:
    return root.items if root.type in ("list", "null") else None


def _accounts(root: nodes.Node) -> tuple[Value, ...] | None:
    """Return the accounts, which yaml.v2 reads straight into strings.

    It decodes nothing inside of other nodes.
    """
    if root.kind == "scalar" and scalar(root, root).type == "null":
        return ()
    return tuple([_account(child) for child in root.children]) if root.kind == "sequence" else None


def _account(written: nodes.Node) -> Value:
    node = written.target or written
    if node.kind != "scalar":
        return Value(node, written, "list")
    try:
        return scalar(node, written)
    except nodes.UntrustedYamlError:
        raise
    except nodes.YamlSyntaxError as error:
        # If a tag does not fit, yaml.v2 stops and leaves the rest of the accounts empty.
        raise nodes.UntrustedYamlError(error.problem, error.offset) from error


def _lost(key: Key, text: str, code: str, message: str, start: int) -> ParsedList:
    correct = "Begin each entry with a dash" if code == "not-a-list" else "Correct this line or the one above it"
    hint = f"{correct}, or roll back to a revision that the authenticator could read."
    location = _line_from(key, text, start)
    fix: tuple[Repair, ...] = ()
    if code == "unreadable" and (better := readable(key, text)):
        message, hint = f"The YAML cannot be read. {better.message}", better.hint
        location, fix = Location.of(key, text, better.start, better.end), (Repair(key=key),)
    elif code == "unreadable":
        lines = text.split("\n")[max(location.line - 2, 0) : location.line]
        found = ((pattern.match(line), advice) for line in reversed(lines) for pattern, advice in _ADVICE)
        hint = next((match.expand(advice) for match, advice in found if match), hint)
    impact = f"The authenticator drops the whole of {key}: every {KIND[key]} in it loses access."
    finding = Finding(code, Severity.ERROR, message, impact, hint, location, fix=fix)
    return ParsedList(key, text, (), ListLayout("other"), (finding,))


def failed_reading(key: Key, text: str, error: Exception) -> ParsedList:
    """Return the reading of a text on which a reader failed with an exception."""
    return _untrusted(key, text, f"the reader of this library fails on it ({type(error).__name__})", 0)


def _untrusted(key: Key, text: str, problem: str, start: int, hint: str = nodes.UntrustedYamlError.hint) -> ParsedList:
    message = f"The effect of this text on the authenticator is uncertain: {problem}."
    impact = f"The authenticator may drop the whole of {key}."
    finding = Finding("untrusted", Severity.ERROR, message, impact, hint, _line_from(key, text, start))
    return ParsedList(key, text, (), ListLayout("other"), (finding,), trusted=False)


def _line_from(key: Key, text: str, start: int) -> Location:
    start = noticed_at(text, start)
    return Location.of(key, text, start, line_end(text, start))
