"""The entries under one data key that concern a caller: which count, and the others and why they do not."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.access.matching import casefold_arn, could_render, needs_instance, winners
from awsauth.core.access.sso_roles import permission_set
from awsauth.core.document.document import parse_list
from awsauth.core.document.model import (
    ARN_FIELD,
    KEYS,
    PRINCIPAL_KEYS,
    SYSTEM_MASTERS,
    EntryLayout,
    Groups,
    Key,
    MappingEntry,
    ParsedList,
    Scalar,
    continuation,
)
from awsauth.core.edit.changes import EnsureAccount, EnsureRole, EnsureUser, RenamePrincipal
from awsauth.core.explain.explanation import Candidate, EntryStatus
from awsauth.core.explain.near_misses import NearMiss, is_account, likeness, similar, would_match
from awsauth.core.findings import Location
from awsauth.core.goyaml.scalars import check_text
from awsauth.core.text.display import quoted
from awsauth.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.access.caller import Caller
    from awsauth.core.document.document import Document
    from awsauth.core.edit.changes import Change
    from awsauth.core.findings import Finding

_MOST_MENTIONS: Final = 3
_SPACES: Final = re.compile(" +")
_SSO_OFF: Final = (
    "it is an `sso` entry, an alpha feature of the authenticator that is off by default: it gives nobody anything"
)


class Looked(NamedTuple):
    """What one data key holds for a caller.

    Attributes:
        found: The entries one of which the authenticator finds, by position.
        candidates: All that concern the caller.
        problems: What cannot be read of the whole text, or of the entries that are found.
    """

    found: dict[int, MappingEntry]
    candidates: tuple[Candidate, ...]
    problems: tuple[Finding, ...]


def ensured(caller: Caller, username: str = "", groups: tuple[str, ...] = ()) -> Change:
    """Return the change that maps a caller; to its own name where there is no username that may be written."""
    name = username if _may_be_written(username) else caller.name
    kept = [group for group in groups if _may_be_written(group)]
    if caller.is_role:
        return EnsureRole(role_arn=caller.canonical_arn, username=name, groups=kept)
    return EnsureUser(user_arn=caller.canonical_arn, username=name, groups=kept)


def place_of(reading: ParsedList, position: int) -> Location:
    """Return where the principal of an entry stands, or the entry where it has none."""
    shape = reading.entries[position].shape
    field = shape.field(ARN_FIELD.get(reading.key, "account"))
    scalar = field.value if field else None
    if isinstance(scalar, Scalar):
        return Location.of(reading.key, reading.text, scalar.start, scalar.end)
    indented = _SPACES.match(reading.text, shape.start)
    return Location.of(reading.key, reading.text, indented.end() if indented else shape.start)


class Search:
    """Looks for one caller in one document.

    A change is proposed only where an entry names the caller's own principal, and never one that makes it an administrator.

    Args:
        wide: Whether entries count that are somebody else's, or not read, but may have been meant for the caller.

    Attributes:
        withheld: Whether a change was not proposed because the caller would be an administrator.
    """

    def __init__(self, document: Document, caller: Caller, *, wide: bool) -> None:
        self._document = document
        self._caller = caller
        self._wide = wide
        self.withheld = False
        self._target = casefold_arn(caller.canonical_arn)
        self._winners = {key: winners(document.reading(key)) for key in PRINCIPAL_KEYS}
        self._found_in: dict[Key, tuple[list[int], list[Finding]]] = {}
        self._offered: dict[str, bool] = {}

    def principals(self, key: Key, *, decided: bool) -> Looked:
        """Look into ``mapRoles`` or ``mapUsers``; `decided` tells that an earlier key decides already."""
        reading = self._document.reading(key)
        found = self._winners[key].get(self._target, {})
        candidates = [*self._entries(reading, found, decided=decided), *self._misnamed(key)]
        if self._wide:
            candidates += self._mentions(key, candidates)
        return Looked(found, tuple(candidates), self._problems(reading, found))

    def accounts(self, *, decided: bool) -> Looked:
        """Look into ``mapAccounts``."""
        reading = self._document.reading("mapAccounts")
        found = {p: m for p, m in _mapped_in(reading) if m.principal == self._caller.account}
        candidates = []
        for position, mapped in _mapped_in(reading):
            if position in found:
                standing: EntryStatus = "not-reached" if decided else "counts"
                why = "it is the caller's account" + (", and an entry of its own decides before" if decided else "")
                candidates.append(
                    self._candidate(reading, position, standing, NearMiss("match", why, unreachable=False))
                )
            elif self._wide and is_account(mapped.principal, self._caller):
                why = f"an account is 12 digits, such as {quoted(self._caller.account)}, and nothing else"
                change = EnsureAccount(account=self._caller.account)
                alike = NearMiss("account-digits", why, unreachable=True)
                candidates.append(self._candidate(reading, position, "never", alike, change))
        candidates += self._misnamed("mapAccounts")
        return Looked(found, tuple(candidates), self._problems(reading, {}))

    def _entries(self, reading: ParsedList, found: dict[int, MappingEntry], *, decided: bool) -> Iterator[Candidate]:
        alike, shadowed = self._similar(reading), self._shadowed(reading, found)
        for position, entry in enumerate(reading.entries):
            mapped = entry.mapped
            if mapped is None:
                yield from self._dropped(reading, position, entry.shape)
            elif position in found:
                yield self._candidate(reading, position, *_found(reading, found, decided=decided))
            elif casefold_arn(mapped.principal) == self._target:
                yield self._candidate(reading, position, "shadowed", shadowed)
            elif mapped.sso is not None:
                if would_match(mapped.sso, self._caller):
                    own = permission_set(self._caller.name) or ""
                    change = self._same(mapped) if own.lower() == mapped.sso.permission_set.lower() else None
                    off = NearMiss("sso", _SSO_OFF, unreachable=True)
                    yield self._candidate(reading, position, "never", off, change)
            else:
                like = likeness(mapped.principal, self._caller) or alike.get(position)
                if like and (like.unreachable or self._wide):
                    standing: EntryStatus = "never" if like.unreachable else "other"
                    yield self._candidate(reading, position, standing, like, self._cure(mapped, like))

    def _similar(self, reading: ParsedList) -> dict[int, NearMiss]:
        return similar(self._caller, {p: m.principal for p, m in _mapped_in(reading)}) if self._wide else {}

    def _cure(self, mapped: MappingEntry, like: NearMiss) -> Change | None:
        if not like.unreachable and like.code != "sso-suffix":
            return None
        if like.unreachable and self._may_rename(casefold_arn(mapped.principal)):
            return RenamePrincipal(principal_arn=mapped.principal, new_arn=self._caller.canonical_arn)
        return self._same(mapped)

    def _may_rename(self, principal: str) -> bool:
        """Whether renaming a principal, which is to rename all of its entries, may be proposed."""
        if principal not in self._offered:
            all_of_it = [m for found in self._winners.values() for m in found.get(principal, {}).values()]
            self._offered[principal] = not any(self._is_shut_out_of(one) or self._withholds(one) for one in all_of_it)
        return self._offered[principal]

    def _same(self, mapped: MappingEntry) -> Change | None:
        """Return the change that gives the caller what an entry gives; None where that is not to be proposed."""
        if self._is_shut_out_of(mapped) or self._withholds(mapped):
            return None
        return ensured(self._caller, mapped.username, mapped.groups)

    def _withholds(self, mapped: MappingEntry) -> bool:
        """Whether a mapping may make an administrator; noted, since that is for a person to decide."""
        is_administrator = any(could_render(group, SYSTEM_MASTERS) for group in mapped.groups)
        self.withheld |= is_administrator
        return is_administrator

    def _is_shut_out_of(self, mapped: MappingEntry) -> bool:
        return needs_instance(mapped) and self._caller.is_instance is False

    def _dropped(self, reading: ParsedList, position: int, shape: EntryLayout) -> Iterator[Candidate]:
        """Yield an entry that the authenticator drops, where it is or may be meant for the caller."""
        written = _as_written(reading, shape)
        text = casefold_arn(reading.text[shape.start : shape.end])
        is_meant = casefold_arn(written.principal) == self._target or _mention(self._target).search(text)
        like = None if is_meant else likeness(written.principal, self._caller)
        if is_meant or (like and like.unreachable):
            about = self._problems_of(reading, shape)
            why = f"the authenticator drops this entry. {about[0].message}" if about else "it is dropped"
            is_own = is_meant and (":" not in written.principal or casefold_arn(written.principal) == self._target)
            change = self._same(written) if is_own or (like and like.unreachable) else None
            reason = NearMiss("entry-dropped", why.removesuffix("."), unreachable=False)
            yield self._candidate(reading, position, "dropped", reason, change)

    def _misnamed(self, key: Key) -> Iterator[Candidate]:
        """Yield what stands under a name that the authenticator does not look at, such as ``maproles``."""
        for name, text in self._document.data.items():
            if name in KEYS or _normal(name) != _normal(key):
                continue
            reading = parse_list(key, text)
            if key == "mapAccounts":
                found = {p: m for p, m in _mapped_in(reading) if m.principal == self._caller.account}
            else:
                found = winners(reading).get(self._target, {})
            for position, mapped in found.items():
                location = place_of(reading, position)
                location = self._document.place_of(Location(name, location.line, location.column, location.text))
                why = f"the authenticator reads {key}, and not {quoted(name)}"
                change = EnsureAccount(account=mapped.principal) if key == "mapAccounts" else self._same(mapped)
                yield Candidate(name, location, mapped.principal, "dropped", "data-key", why, change)

    def _mentions(self, key: Key, known: list[Candidate]) -> Iterator[Candidate]:
        """Yield where the ARN stands in the text without being read there."""
        text = self._document.data.get(key, "")
        lines = {candidate.location.line for candidate in known if candidate.location}
        reading = self._document.reading(key)
        why = "the ARN stands here, but not in an entry that is read: in a comment, or behind the end of the list"
        if reading.findings and not reading.entries:
            why = f"{key} as a whole cannot be read, and this with it"
        continued = {
            field.value.start: line
            for entry in reading.entries
            if (field := entry.shape.field(ARN_FIELD.get(key, ""))) and (line := continuation(text, field))
        }
        spans = (match.span() for match in _mention(self._target).finditer(text))
        places = ((self._document.place_of(Location.of(key, text, *span)), span[0]) for span in spans)
        for location, start in [one for one in places if one[0].line not in lines][:_MOST_MENTIONS]:
            code, because = "not-read", why
            if swallowed := continued.get(start):
                code = "continued-value"
                because = f"the ARN continues on the next line with {quoted(swallowed)}, so that it matches nobody"
            yield Candidate(key, location, location.text, "dropped", code, because)

    def _problems(self, reading: ParsedList, found: dict[int, MappingEntry]) -> tuple[Finding, ...]:
        shapes = (reading.entries[position].shape for position in found)
        problems = [problem for shape in shapes for problem in self._problems_of(reading, shape)]
        return tuple(map(self._document.located, problems if reading.entries else reading.findings))

    def _problems_of(self, reading: ParsedList, shape: EntryLayout) -> list[Finding]:
        """Return what is wrong within one entry."""
        if reading.key not in self._found_in:
            placed = sorted((p.location.line, number) for number, p in enumerate(reading.findings) if p.location)
            self._found_in[reading.key] = [line for line, _ in placed], [reading.findings[n] for _, n in placed]
        lines, findings = self._found_in[reading.key]
        ends = (shape.start, max(shape.end - 1, shape.start))
        first, last = (Location.of(reading.key, reading.text, offset).line for offset in ends)
        return findings[bisect_left(lines, first) : bisect_right(lines, last)]

    def _shadowed(self, reading: ParsedList, found: dict[int, MappingEntry]) -> NearMiss:
        lines = ", ".join(str(self._document.place_of(place_of(reading, position)).line) for position in found)
        counts = f", in line {lines}" if lines else ""
        return NearMiss("shadowed", f"it never counts: of equal entries the last does{counts}", unreachable=False)

    def _candidate(
        self, reading: ParsedList, position: int, standing: EntryStatus, like: NearMiss, change: Change | None = None
    ) -> Candidate:
        mapped = reading.entries[position].mapped
        principal = mapped.principal if mapped else _as_written(reading, reading.entries[position].shape).principal
        location = self._document.place_of(place_of(reading, position))
        return Candidate(reading.key, location, principal, standing, like.code, like.why, change)


def _mapped_in(reading: ParsedList) -> list[tuple[int, MappingEntry]]:
    """Return what is mapped, with the position of each entry."""
    return [(p, entry.mapped) for p, entry in enumerate(reading.entries) if entry.mapped is not None]


def _found(reading: ParsedList, found: dict[int, MappingEntry], *, decided: bool) -> tuple[EntryStatus, NearMiss]:
    if decided:
        return "not-reached", NearMiss(
            "not-reached", "it is the caller's, and mapRoles decides before", unreachable=False
        )
    if len(found) > 1:
        why = (
            f"it may count: {len(found)} spellings of this ARN are kept, and which one is found is undefined. "
            "Leave one of them"
        )
        return "may-count", NearMiss("several-spellings", why, unreachable=False)
    same = _count_of(reading, next(iter(found.values())))
    why = f"it counts: the last of {same} entries for the caller" if same > 1 else "it counts: it is the caller's"
    return "counts", NearMiss("match", why, unreachable=False)


def _count_of(reading: ParsedList, mapped: MappingEntry) -> int:
    """Return how many entries there are of one principal."""
    return sum(casefold_arn(other.principal) == casefold_arn(mapped.principal) for _, other in _mapped_in(reading))


def _as_written(reading: ParsedList, shape: EntryLayout) -> MappingEntry:
    """Return what the fields of a dropped entry say, as far as they can be read."""
    values = {field.name: field.value for field in shape.fields}
    arn, username, groups = values.get(ARN_FIELD[reading.key]), values.get("username"), values.get("groups")
    return MappingEntry(
        arn.text if isinstance(arn, Scalar) else "",
        username.text if isinstance(username, Scalar) else "",
        tuple(item.text for item in groups.items) if isinstance(groups, Groups) else (),
    )


def _mention(target: str) -> re.Pattern[str]:
    return re.compile(re.escape(target) + r"(?![\w+=,.@/-])", re.IGNORECASE)


def _normal(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower().removesuffix("s")


def _may_be_written(text: str) -> bool:
    try:
        check_text("the text", text)
    except InvalidValueError:
        return False
    return True
