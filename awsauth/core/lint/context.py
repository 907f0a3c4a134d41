"""The document and entries that lint rules see, and the matches that they yield."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from awsauth.core.access.matching import can_match, counting
from awsauth.core.access.node_mappings import is_person
from awsauth.core.arn import is_user
from awsauth.core.document.index import grouped, kept_under
from awsauth.core.document.model import ARN_FIELD, KEYS, Groups, Key, Scalar, continuation
from awsauth.core.findings import Location, Severity
from awsauth.core.lint.arn_problems import arn_problem, bare
from awsauth.core.text.display import listed, quoted, without_invisible

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import EntryLayout, MappingEntry, ParsedList
    from awsauth.core.edit.changes import Change
    from awsauth.core.goyaml.nodes import Node
    from awsauth.core.lint.policy import Policy


class Match(NamedTuple):
    """One place where a rule fires.

    The guard ``policy`` refuses only new violations: those with another principal or `about`, or a larger `weight`.

    Attributes:
        message: The fault.
        impact: Its effect.
        hint: The correction.
        location: Where it is; None for the whole document.
        principal: As in `Finding`.
        fix: As in `Finding`.
        about: The value that violates a policy.
        weight: The extent of a violation.
        severity: The severity, if it is not that of the rule.
    """

    message: str
    impact: str
    hint: str
    location: Location | None = None
    principal: str = ""
    fix: tuple[Change, ...] = ()
    about: str = ""
    weight: int = 1
    severity: Severity | None = None


def has_invisible(name: str) -> bool:
    """Whether a name has white space around it, or invisible characters in it.

    A blank in the name is allowed.
    """
    return name.strip() != name or name.replace(" ", "") != without_invisible(name)


# Text that Helm or Jinja writes as it is, such as `{{ "{{" }}`.
_ESCAPED: Final = r"\{\{-?\s{0,9}([\"'`])(.{0,99}?)\1\s{0,9}-?\}\}|\{%-?\s{0,9}(?:end)?raw\s{0,9}-?%\}"


def _without_escapes(mapped: MappingEntry) -> MappingEntry:
    """Return a mapping with its escapes as Helm or Jinja renders them."""
    if not any("{{" in name and re.search(_ESCAPED, name) for name in (mapped.username, *mapped.groups)):
        return mapped
    username, *groups = (re.sub(_ESCAPED, r"\2", name) for name in (mapped.username, *mapped.groups))
    return mapped._replace(username=username, groups=tuple(groups))


class LintEntry:
    """An entry that maps a principal.

    Attributes:
        context: The document it is in.
        reading: The list it is in.
        mapped: Its mapping, with escapes as Helm or Jinja renders them.
        arn: The principal in lower case.
        fault: Why no caller can have its ARN.
        may_continue: Whether its ARN or username may stand on more than one line.
    """

    __slots__ = ("_groups", "_position", "arn", "context", "fault", "mapped", "may_continue", "reading")

    def __init__(self, context: LintContext, reading: ParsedList, position: int, mapped: MappingEntry) -> None:
        self.context = context
        self.reading = reading
        self._position = position
        self.mapped = _without_escapes(mapped)
        self.arn = mapped.principal.lower()
        self._groups: dict[str, Scalar] | None = None
        self.fault = "" if reading.key == "mapAccounts" or mapped.sso else arn_problem(mapped.principal)
        # YAML puts white space between the lines of a value. Only the full reader, which keeps `root`, reads such values.
        self.may_continue = reading.root is not None and any(len(text.split()) > 1 for text in mapped[:2])
        if self.fault and self.may_continue and continuation(reading.text, self.layout.field(ARN_FIELD[reading.key])):
            self.fault = "continued-value"

    @property
    def layout(self) -> EntryLayout:
        """The layout of the entry."""
        return self.reading.entries[self._position].shape

    @property
    def identity(self) -> object:
        """The key under which the authenticator keeps the entry.

        An equal one further down replaces it.
        """
        return kept_under(self.reading.key, self.mapped.principal), self.mapped.sso

    @property
    def is_person(self) -> bool:
        """Whether no machine can have the principal.

        It is a user, an account's root, or a role of IAM Identity Center.
        """
        return is_person(self.arn)

    @property
    def role_name(self) -> str:
        """The text behind the last slash of the ARN, in lower case; empty for a user."""
        return "" if is_user(self.arn) else self.arn.rpartition("/")[2]

    def lost_to(self, counts: LintEntry) -> list[str]:
        """Return the groups of this entry that the principal does not get.

        Another entry of the principal counts, and does not give them. An empty group gives nothing.
        """
        return [quoted(group) for group in self.mapped.groups if group not in ("", *counts.mapped.groups)]

    def removal(self, counts: LintEntry) -> str:
        """Return the hint to remove this entry, because another one counts."""
        lost, line = ", ".join(self.lost_to(counts)), self.context.line(counts)
        return f"If the principal needs {lost}, add that on line {line}. Then remove this entry." if lost else _REMOVE

    def match(self, message: str, impact: str, hint: str, *, at: Location | None = None, **more: Any) -> Match:
        """Return a match for this entry, at its ARN unless another location is given."""
        return Match(message, impact, hint, at or self.location(), self.mapped.principal, **more)

    def location(self, name: str = "") -> Location:
        """Return the location of a field's value, by default the principal's.

        Without such a value it is that of the field's name, or of the beginning of the entry.
        """
        layout = self.layout
        field = layout.field(name or ARN_FIELD.get(self.reading.key, "account"))
        if field is None:
            return self._at(layout.fields[0].start if layout.fields else layout.start)
        if isinstance(field.value, Groups) or field.value.start == field.value.end:
            return self._at(field.start)
        return self._at(field.value.start, field.value.end)

    def value_location(self, name: str) -> Location:
        """Return where the value of a field begins, also that of `groups`."""
        field = self.layout.field(name)
        return self.location(name) if field is None else self._at(field.value.start)

    def group_location(self, group: str) -> Location:
        """Return the location of a group."""
        if self._groups is None:
            field = self.layout.field("groups")
            items = field.value.items if field is not None and isinstance(field.value, Groups) else ()
            self._groups = {item.text: item for item in reversed(items)}  # the first of equals stays
        found = self._groups.get(group)
        return self.location("groups") if found is None else self._at(found.start, found.end)

    def name_location(self, kind: NameKind | None, name: str) -> Location:
        """Return the location of the username, of a group or, without a kind, of the ARN."""
        return self.group_location(name) if kind == "group" else self.location(kind or "")

    def _at(self, start: int, end: int | None = None) -> Location:
        return Location.of(self.reading.key, self.reading.text, start, end)


_REMOVE: Final = "Remove this entry."
NameKind = Literal["username", "group"]
NAME_KINDS: Final[tuple[NameKind, ...]] = get_args(NameKind)


class LintContext:
    """A document and the policy it is checked against.

    Attributes:
        document: The document.
        policy: The policy; None for no policy.
        binary_bytes: Bytes of all values of ``binaryData``.
        roles: The entries of ``mapRoles``.
        users: The entries of ``mapUsers``.
        items: Both, in this order.
        accounts: The entries of ``mapAccounts``.
        usernames: The items by username.
        groups: The items by group.
        parsed: The findings of the parser.
    """

    def __init__(self, document: Document, policy: Policy | None = None, binary_bytes: int = 0) -> None:
        self.document = document
        self.policy = policy
        self.binary_bytes = binary_bytes
        self._by_position: dict[tuple[Key, int], LintEntry] = {}
        self.roles = self._items("mapRoles")
        self.users = self._items("mapUsers")
        self.items: Final = [*self.roles, *self.users]
        self.accounts: Final = self._items("mapAccounts")
        self.usernames: Final = grouped((item.mapped.username, item) for item in self.items)
        members = ((group, item) for item in self.items for group in dict.fromkeys(item.mapped.groups))
        self.groups: Final = grouped(members)
        self.parsed: Final = [finding for key in KEYS for finding in document.reading(key).findings]
        self._told = {_position(finding.location) for finding in self.parsed if finding.location}

    @cached_property
    def effective_items(self) -> list[LintEntry]:
        """The items that count: no later entry replaces them, and no role replaces a user."""
        counted = counting(self.document).values()
        found = [self._by_position[key, index] for key, entries in counted for index in entries]
        return [*found, *{item.identity: item for item in self.roles if item.mapped.sso}.values()]

    @cached_property
    def by_principal(self) -> dict[str, list[LintEntry]]:
        """The items by ARN in lower case."""
        return grouped((item.arn, item) for item in self.items)

    @cached_property
    def by_bare_arn(self) -> dict[str, set[str]]:
        """The mapped ARNs by `bare` ARN, all in lower case."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for item in self.items:
            is_repairable = item.fault in ("role-path", "arn-space", "typographic-character", "not-an-arn")
            found[bare(item.mapped.principal).lower() if is_repairable else item.arn].add(item.arn)
        return found

    def lacking(self, kind: str, is_one: Callable[[MappingEntry], bool], word: str, match: Match) -> Iterator[Match]:
        """Yield `match` if no mapping of a kind counts.

        Its message and hint name the mappings that do not count, if any.

        Args:
            kind: The kind, as words after "mapping".
            is_one: Whether a mapping is of the kind.
            word: A word in every mapping of the kind. It shows those that the parser dropped.
            match: The match if there are none.
        """
        counted = set(self.effective_items)
        items = [item for item in self.items if is_one(item.mapped)]
        if not self.is_readable or any(item in counted and can_match(item.mapped.principal) for item in items):
            return
        ignored = [key for key, text in self.document.data.items() if word in text and key not in KEYS]
        found: list[tuple[str, Location | None]] = [(self._why(item), item.location()) for item in items]
        found += [(one.code, one.location) for one in self.parsed if one.location and word in one.location.text]
        found += [("unknown-data-key", None) for key in ignored if key.lower().startswith("map")]
        if found:
            which = "The only mapping" if len(found) == 1 else f"Each of the {len(found)} mappings"
            reasons = [self._reason(code, places[0]) for code, places in grouped(found).items()]
            message = f"{which} {kind} has no effect: {listed(reasons, 5, '; ', ', and ')}."
            hint = "Correct it as that finding says." if len(reasons) == 1 else "Correct each as its finding says."
            match = match._replace(message=message, hint=hint, location=found[0][1])
        yield match

    def _reason(self, code: str, location: Location | None) -> str:
        """Return a sentence that names a finding and its line."""
        place = f"on line {self.document.place_of(location).line}, " if location else ""
        return f"{place}the finding {quoted(code)} says why"

    def _why(self, item: LintEntry) -> str:
        """Return the code of the finding that says why a mapping does not count."""
        is_shadowed = item.reading.key == "mapUsers" and any(one.arn == item.arn for one in self.roles)
        return item.fault or ("sso-entry" if item.mapped.sso else "shadowed-user" if is_shadowed else "duplicate")

    @cached_property
    def is_readable(self) -> bool:
        """Whether the authenticator certainly reads every text of the document."""
        return all(map(self._is_read, KEYS))

    def by_name(self, kind: NameKind) -> Mapping[str, list[LintEntry]]:
        """Return the items by username or group."""
        return self.usernames if kind == "username" else self.groups

    @cached_property
    def odd_names(self) -> dict[NameKind, list[str]]:
        """The usernames and groups that a rule for names may fit."""
        return {kind: [name for name in self.by_name(kind) if not _ORDINARY.fullmatch(name)] for kind in NAME_KINDS}

    def named(self, kind: NameKind, is_odd: Callable[[str], object]) -> Iterator[tuple[str, LintEntry]]:
        """Yield the usernames or groups that fit, each with every item that has it.

        An ordinary name must not fit: one of letters, digits and a few signs that does not begin like a reserved one.
        """
        return ((name, item) for name in self.odd_names[kind] if is_odd(name) for item in self.by_name(kind)[name])

    def names(self, is_odd: Callable[[str], object]) -> Iterator[tuple[NameKind, str, LintEntry]]:
        """Yield the usernames and groups that fit, with kind and items."""
        return ((kind, name, item) for kind in NAME_KINDS for name, item in self.named(kind, is_odd))

    def is_told(self, location: Location) -> bool:
        """Whether the parser has reported a location already."""
        return _position(location) in self._told

    def line(self, item: LintEntry) -> str:
        """Return the line of an item's principal, in a text of one line with the column.

        It is the manifest file's, if there is one.
        """
        place = self.document.place_of(item.location())
        return f"{place.line}, column {place.column}" if _is_one_line(item.reading.text) else str(place.line)

    def tree(self, key: Key) -> Node | None:
        """Return the YAML of a text; None for a plain form, or an unreadable text."""
        return self.document.reading(key).root if self._is_read(key) else None

    def _is_read(self, key: Key) -> bool:
        reading = self.document.reading(key)
        return reading.trusted and not reading.is_unreadable

    def _items(self, key: Key) -> list[LintEntry]:
        reading = self.document.reading(key)
        items = {(key, at): LintEntry(self, reading, at, mapped) for at, mapped in reading.positioned}
        self._by_position |= items
        return list(items.values())


def distinct(found: Iterable[tuple[Hashable, str, LintEntry]]) -> dict[Any, list[LintEntry]]:
    """Return the first item of each text, by group; `found` has group, text and item."""
    groups: defaultdict[Any, dict[str, LintEntry]] = defaultdict(dict)
    for group, text, item in found:
        groups[group].setdefault(text, item)
    return {group: list(items.values()) for group, items in groups.items()}


_ORDINARY: Final = re.compile(r"(?![:_.-]*(?:system|eks))[\w:./@+=-]+", re.ASCII | re.IGNORECASE)


def _position(location: Location) -> tuple[str, int, int]:
    return location.key, location.line, location.column


@lru_cache(maxsize=4)  # a long list asks for each of its entries
def _is_one_line(text: str) -> bool:
    return "\n" not in text.strip()
