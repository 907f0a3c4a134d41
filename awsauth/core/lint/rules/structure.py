"""Rules about data keys, the size of the data, and the fields of an entry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from awsauth.core.document.authenticator import ENTRY_FIELDS, NO_IAM_GROUP
from awsauth.core.document.document import MAX_BYTES, byte_size
from awsauth.core.document.index import grouped
from awsauth.core.document.model import ARN_FIELD, KEYS, PRINCIPAL_KEYS, Entry, Key
from awsauth.core.document.repairs import respelt
from awsauth.core.findings import Location, Severity
from awsauth.core.goyaml.nodes import Node
from awsauth.core.lint.arn_problems import bare
from awsauth.core.lint.context import LintContext, Match
from awsauth.core.lint.rule import rule
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import close_matches

_BY_LETTERS: Final = {key.lower(): key for key in KEYS}
_CONTENT: Final = r"(?m)^(?![ \t]*(?:#.*)?$|(?:---|\.\.\.)[ \t]*(?:#.*)?\r?$)[ \t]*(?P<first>\S.*)"
_MEANT: Final = {"user": "username", "name": "username"}


@rule(Severity.ERROR, "a data key that resembles one of the three, such as `maproles`, or begins with `map`")
def unknown_data_key(context: LintContext) -> Iterator[Match]:
    """Data keys are case-sensitive. Keys with other names are not reported.

    Fires::

        maproles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci

    Silent::

        mapRoles: |
          []
        notes: by hand, please
    """
    for key in (key for key in context.document.data if key not in KEYS):
        letters = re.sub("[^a-z]", "", key[:50].lower())
        close = close_matches(letters, _BY_LETTERS, 1, 0.85)
        ignored = "The authenticator ignores it"
        if letters.startswith(("mapgroup", "mapiamgroup")):
            message = f"The data key {quoted(key)} is ignored, and IAM groups cannot be mapped."
            yield Match(message, f"{ignored}: it grants no access.", NO_IAM_GROUP, principal=key)
        elif close:
            right = _BY_LETTERS[close[0]]
            also = f" It reads {right}, which is there too." if right in context.document.data else ""
            message = f"The data key {quoted(key)} is not {right}."
            impact = f"{ignored}: mappings in it grant no access.{also}"
            yield Match(message, impact, f"Move the mappings to {right}.", principal=key)
        elif letters.startswith("map"):
            message = f"The data key {quoted(key)} is not one of {', '.join(KEYS)}."
            hint = "Move any mappings in it to one of these keys."
            yield Match(message, f"{ignored}.", hint, principal=key, severity=Severity.WARNING)


@rule(Severity.WARNING, "data that takes more than three quarters of the 1 MiB limit")
def almost_full(context: LintContext) -> Iterator[Match]:
    """The API server refuses a ConfigMap of more than 1 MiB.

    ``binaryData`` counts too, where it is known.

    Fires::

        mapRoles: |
          []
        notes: FILLER

    Silent::

        mapRoles: |
          []
    """
    size = byte_size(context.document) + context.binary_bytes
    if size > MAX_BYTES * 3 // 4:
        message = f"All values together have {size:,} bytes, {size * 100 // MAX_BYTES} % of the limit of a ConfigMap."
        impact = f"The API server accepts {MAX_BYTES:,} bytes: soon no mapping can be added."
        yield Match(message, impact, "Remove mappings that are no longer needed, or use access entries.")


@rule(Severity.WARNING, "text after the first YAML document, which the authenticator ignores")
def ignored_rest(context: LintContext) -> Iterator[Match]:
    """The authenticator reads the first YAML document only.

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
        root, text = context.tree(key), context.document.data.get(key, "")
        found = re.compile(_CONTENT).search(text, root.end) if root else None
        if root and found and _follows(text, root.end, found.start("first")):
            message = "There is text after the end of the list."
            impact = "The authenticator reads the first YAML document only, and ignores this text."
            start, length = found.start("first"), len(found["first"].rstrip())
            location = Location.of(key, text, start, start + length)
            yield Match(message, impact, "Move it into the list, or remove it.", location, principal=key)


def _follows(text: str, end: int, start: int) -> bool:
    """Whether the text at `start` is not a comment on the last line of the list."""
    return not re.match(r"[ \t]*#", text[end:]) or "\n" in text[end:start]


@rule(Severity.WARNING, "a field that the authenticator ignores, such as `group` or `user`", has_fix=True)
def unknown_field(context: LintContext) -> Iterator[Match]:
    """Other tools use other names. The fix renames a field if only one is meant.

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
    for key, entry, node in _entries(context):
        names = [name for name, _ in node.pairs() if name.kind == "scalar"]
        unknown = [name for name in names if name.value != "<<" and name.value.lower() not in ENTRY_FIELDS[key]]
        if not unknown or entry.mapped is None:
            continue  # the parser has reported an entry that maps nothing
        from awsauth.core.edit.changes import Repair  # most documents need no fix

        text = context.document.data[key]
        meant = {one.start: one.right for one in respelt(key, text, node)}
        present = {name.value.lower() for name in names}
        for name in unknown:
            right = meant.get(name.start)
            message = f"There is no field {quoted(name.value)}."
            hint = f"Write `{right}`." if right else _hint(name.value, ENTRY_FIELDS[key], present)
            location = Location.of(key, text, name.start, name.end)
            fix = (Repair(key=key),) if right else ()
            yield Match(message, "The authenticator ignores it.", hint, location, entry.mapped.principal, fix)


def _hint(name: str, known: tuple[str, ...], present: set[str]) -> str:
    written = name[:50].lower()
    close = _MEANT.get(written) or next(iter(close_matches(written, known, 1, 0.6)), "")
    if not close:
        return "Remove it, or make it a comment."
    if close in present:
        return f"Remove it; `{close}` is there too."
    return f"Write `{close}` if you mean that field, or remove it."


@rule(Severity.ERROR, "a field that appears twice: a warning, unless two mappings ran together")
def repeated_field(context: LintContext) -> Iterator[Match]:
    """The last of repeated fields counts.

    But `rolearn` in lower case counts before other spellings.

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
    for key, entry, node in _entries(context):
        scalars, known = (pair for pair in node.pairs() if pair[0].kind == "scalar"), ENTRY_FIELDS[key]
        pairs = [pair for pair in scalars if pair[0].value.lower() in known]
        seen = grouped((name.value.lower(), name) for name, _ in pairs)
        arns = {bare(value.value).lower(): value.value for name, value in pairs if name.value.lower() == ARN_FIELD[key]}
        if len(arns) > 1 and all(arn.startswith("arn:") for arn in arns):
            yield _joined(context, key, entry, [name for name, _ in pairs], list(arns.values()))
            continue
        for field, names in seen.items():
            if len(names) > 1:
                yield _repeated(context, key, entry, field, names)


def _joined(context: LintContext, key: Key, entry: Entry, names: list[Node], arns: list[str]) -> Match:
    """Return the match for mappings that are one entry, because a dash is missing."""
    fields = [name.value.lower() for name in names]
    starts = [0]
    for index, field in enumerate(fields):
        if field in fields[starts[-1] : index]:
            starts.append(index)
    places = []
    for before, start, end in zip(starts, starts[1:], [*starts[2:], len(fields)], strict=False):
        first = start
        while first > before + 1 and fields[first - 1] not in fields[start:end]:
            first -= 1  # this field may belong to either mapping
        either = names[first : start + 1]
        each = (f"before {quoted(name.value)} on {_line(context, key, name.start)}" for name in either)
        places.append(" or ".join(each))
    counts = entry.mapped.principal if entry.mapped else ""
    lost = [quoted(arn, 100) for arn in arns if arn != counts]
    is_block, where = entry.shape.style == "block", " and ".join(places)
    no_access = f"{', '.join(lost)} {'has' if len(lost) == 1 else 'have'} no access"
    message = f"{len(arns)} mappings run together: `{ARN_FIELD[key]}` appears {len(arns)} times in this entry."
    impact = f"Only {quoted(counts, 100)} counts, with fields of more than one mapping; {no_access}."
    dash = f"Put `- ` {where}, with its dash below that of the first mapping."
    hint = dash if is_block else f"End a mapping {where}."
    second = names[starts[1]]
    return Match(message, impact, hint, Location.of(key, context.document.data[key], second.start, second.end), counts)


def _repeated(context: LintContext, key: Key, entry: Entry, field: str, names: list[Node]) -> Match:
    counts = entry.shape.field(field)
    start = names[-1].start if counts is None else counts.start
    ignored = next((name for name in names if name.start != start), names[0])
    message = f"`{field}` appears {len(names)} times in this entry."
    impact = f"Only the one on {_line(context, key, start)} counts."
    location = Location.of(key, context.document.data[key], ignored.start, ignored.end)
    principal = entry.mapped.principal if entry.mapped else ""
    return Match(message, impact, "Remove the others.", location, principal, severity=Severity.WARNING)


def _line(context: LintContext, key: Key, start: int) -> str:
    return f"line {context.document.place_of(Location.of(key, context.document.data[key], start)).line}"


def _entries(context: LintContext) -> Iterator[tuple[Key, Entry, Node]]:
    """Yield the entries that are mappings, with their YAML.

    Texts in a plain form are left out.
    """
    for key in PRINCIPAL_KEYS:
        root = context.tree(key)
        if root is not None and root.kind == "sequence":
            for entry, node in zip(context.document.reading(key).entries, root.children, strict=True):
                if node.kind == "mapping":
                    yield key, entry, node
