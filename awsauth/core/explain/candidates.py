"""The entries under a data key that concern a caller.

Some count, and the others have a reason why not. Some of those only resemble the caller.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.access.matching import casefold_arn, could_render, entries_for, matches_literals, needs_instance
from awsauth.core.arn import ArnParts, permission_set
from awsauth.core.document.document import Document, parse_list
from awsauth.core.document.index import findings_by_entry, grouped
from awsauth.core.document.model import ARN_FIELD, KEYS, PRINCIPAL_KEYS, SYSTEM_MASTERS, Scalar, continuation
from awsauth.core.edit.changes import Change, EnsureAccount, EnsureRole, EnsureUser, RenamePrincipal
from awsauth.core.explain.explanation import Candidate, DecisionStep, EntryStatus
from awsauth.core.findings import Finding, Location
from awsauth.core.goyaml.scalars import fits_one_line
from awsauth.core.text.display import quoted, without_invisible
from awsauth.core.text.lines import close_matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from awsauth.core.access.caller import Caller
    from awsauth.core.document.model import EntryLayout, Key, MappingEntry, ParsedList, Sso

_MOST_ALIKE: Final = 100


class NearMiss(NamedTuple):
    """The difference between an ARN and a caller's.

    Attributes:
        code: Stable name.
        why: The difference, without a full stop.
        unreachable: Whether no caller can have this ARN, so that it can be corrected.
    """

    code: str
    why: str
    unreachable: bool = False


class Resemblance:
    """Compares ARNs with a caller's."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._arn = casefold_arn(caller.canonical_arn)
        self._own = _parts(self._arn)
        self._set = permission_set(self._own.name)
        self._resource = quoted(caller.canonical_arn.rpartition(":")[2], 200)

    def of(self, written: str) -> NearMiss | None:
        """Return how an ARN differs from the caller's; None if nothing is in common."""
        cleaned = casefold_arn(without_invisible(written))
        if cleaned == self._arn:
            why = f"white space in the ARN keeps it from matching {self._resource}"
            return NearMiss("space", why, unreachable=True)
        if cleaned.count(":") < 5:
            is_meant = cleaned in (casefold_arn(self._caller.name), self._arn.rpartition(":")[2])
            why = f"this is not an ARN, so it does not match {quoted(self._caller.canonical_arn, 200)}"
            return NearMiss("no-arn", why, unreachable=True) if is_meant else None
        if "*" in cleaned:
            why = "this is a pattern, and the authenticator does not support patterns"
            return NearMiss("pattern", why) if matches_literals(cleaned.split("*"), self._arn) else None
        return self._of_parts(_parts(cleaned))

    def _of_parts(self, its: ArnParts) -> NearMiss | None:
        own = self._own
        if its.name != own.name:
            is_other_role = self._set and permission_set(its.name) == self._set and its.account == own.account
            why = "this is another role of the same permission set, such as the one before it was assigned again"
            return NearMiss("sso-suffix", why) if is_other_role else None
        kind = "role" if its.kind in ("assumed-role", "instance-profile") else its.kind
        if kind != own.kind and kind in ("role", "user", "root", "federated-user"):
            return NearMiss("other-kind", f"this is the ARN of a {kind}, and the caller is a {own.kind}")
        if its.account != own.account:
            if re.sub(r"\D", "", its.account).zfill(12) == own.account:
                why = f"an account has 12 digits, {quoted(own.account)}, and this one is {quoted(its.account)}"
                return NearMiss("account-digits", why, unreachable=True)
            why = f"the account is {quoted(its.account)}, and the caller's is {quoted(own.account)}"
            return NearMiss("other-account", why)
        if its.partition != own.partition:
            why = f"the partition is {quoted(its.partition)}, and the caller's is {quoted(own.partition)}"
            return NearMiss("other-partition", why)
        if its.kind == "user":
            why = f"the path differs from {self._resource}, and users match with their path"
            return NearMiss("user-path", why, unreachable=True)
        if its.kind == "assumed-role":
            why = f"this is the ARN of a session, and the authenticator looks for the role: {self._resource}"
            return NearMiss("session-arn", why, unreachable=True)
        if (its.service, its.kind) == ("iam", "role") and its.path:
            why = f"it can never match: STS reports {self._resource}, without the path"
            return NearMiss("role-path", why, unreachable=True)
        why = f"no caller has such an ARN, and the authenticator looks for {self._resource}"
        return NearMiss("malformed", why, unreachable=True)

    def similar(self, mappings: Mapping[int, MappingEntry]) -> dict[int, NearMiss]:
        """Return the mappings of ARNs with a similar name, the most similar first.

        They are of the caller's account and kind.
        """
        own = self._own
        prefix = f"arn:{own.partition}:{own.service}::{own.account}:{own.kind}/"
        arns = ((position, mapped.principal.lower()) for position, mapped in mappings.items())
        named = ((arn.rpartition("/")[2], position) for position, arn in arns if arn.startswith(prefix))
        names = grouped(one for one in named if one[0] != own.name and not permission_set(one[0]))
        near = NearMiss("similar-name", f"this is another principal with a name like {self._resource}")
        return {position: near for name in close_matches(own.name, names, 3, 0.75) for position in names[name]}

    def is_sso_of(self, sso: Sso) -> bool:
        """Whether an ``sso`` entry is meant for the caller."""
        return (self._set, self._own.account) == (sso.permission_set.lower(), sso.account)

    def is_account(self, written: str) -> bool:
        """Whether a text is the caller's account, without leading zeros or with dashes."""
        digits = re.sub(r"[\s-]", "", written)
        return digits.isdecimal() and digits.isascii() and digits.zfill(12) == self._caller.account


def _parts(arn: str) -> ArnParts:
    """Return the parts of an ARN in lower case; those of its role for a session."""
    parts = ArnParts.of(arn)
    if parts.kind == "assumed-role":
        parts = ArnParts.of(arn.rpartition("/")[0])
    return parts._replace(name="root") if parts.resource == "root" else parts


_DROPPED: Final = NearMiss("entry-dropped", "the authenticator drops this entry")
_SSO_OFF: Final = NearMiss("sso", "EKS ignores `sso` entries, an alpha feature of the authenticator")


class _Hit(NamedTuple):
    position: int
    status: EntryStatus
    near: NearMiss
    offer: Callable[[], Change | None] | None = None


def ensured(caller: Caller, username: str = "", groups: tuple[str, ...] = ()) -> Change:
    """Return the change that maps a caller.

    Its username is its own name if the entry's cannot be written.
    """
    name = username if fits_one_line(username) else caller.name
    kept = [group for group in groups if fits_one_line(group)]
    if caller.is_role:
        return EnsureRole(role_arn=caller.canonical_arn, username=name, groups=kept)
    return EnsureUser(user_arn=caller.canonical_arn, username=name, groups=kept)


def entry_location(document: Document, reading: ParsedList, position: int, name: str = "") -> Location:
    """Return the location of an entry's principal, or of the entry if it has none.

    Args:
        document: The document.
        reading: The list of one data key.
        position: The position of the entry.
        name: The data key of the text, if it is not that of the reading.
    """
    shape = reading.entries[position].shape
    field = shape.field(ARN_FIELD.get(reading.key, "account"))
    if field and isinstance(field.value, Scalar):
        start, end = field.value.start, field.value.end
    else:
        indented = re.compile(" +").match(reading.text, shape.start)
        start, end = indented.end() if indented else shape.start, None
    return document.place_of(Location.of(name or reading.key, reading.text, start, end))


class Search:
    """Looks for one caller in one document.

    It offers a change only if an entry names the caller's own principal, and never one that makes an administrator.

    Args:
        document: The document.
        caller: The caller.
        wide: Whether to look also for entries of other principals, and unread ones, that may be meant for the caller.

    Attributes:
        withheld: Whether no change was offered because it would make the caller an administrator.
    """

    def __init__(self, document: Document, caller: Caller, *, wide: bool) -> None:
        self._document = document
        self._caller = caller
        self._wide = wide
        self.withheld = False
        self._target = casefold_arn(caller.canonical_arn)
        self._mention = _mention(self._target)
        self._near = Resemblance(caller)
        self._misspelt = grouped((_normal(name), name) for name in document.data if name not in KEYS)
        self._found_in: dict[Key, dict[int, list[Finding]]] = {}
        self._may_rename: dict[str, bool] = {}

    def look(self, key: Key, decided: str) -> tuple[dict[int, MappingEntry], DecisionStep]:
        """Return the entries of a data key that count, by position, and its step.

        Several entries count if it is undefined which one the authenticator takes. The step has all entries that concern
        the caller, at most 100 for each reason.

        Args:
            key: The data key.
            decided: The earlier data key that decides already; otherwise empty.
        """
        reading = self._document.reading(key)
        found = self._found(reading)
        hits = self._accounts if key == "mapAccounts" else self._entries
        candidates: list[Candidate] = []
        count: Counter[str] = Counter()
        for hit in hits(reading, found, decided=bool(decided)):
            count[hit.near.code] += 1
            if count[hit.near.code] <= _MOST_ALIKE:
                candidates.append(self._candidate(reading, hit))
        left_out = sum(max(number - _MOST_ALIKE, 0) for number in count.values())
        candidates += self._misnamed(key)
        if self._wide and not left_out and key != "mapAccounts":
            candidates += self._mentions(reading, candidates)
        summary = self._summary(reading, len(found), decided)
        if left_out:
            summary += f" {left_out:,} more entries like those below are not listed."
        return found, DecisionStep(key, summary, tuple(candidates), self._problems(reading, found))

    def _summary(self, reading: ParsedList, found: int, decided: str) -> str:
        if decided:
            return f"not read, because {decided} decides."
        if reading.key not in self._document.data:
            return "this key is missing."
        if not reading.entries:
            return "no entry can be read." if reading.findings else "it is empty."
        if found > 1:
            return "it is undefined which entry counts."
        count = len(reading.entries)
        return f"1 of {count} entries counts." if found else f"none of {count} entries matches the caller."

    def _found(self, reading: ParsedList) -> dict[int, MappingEntry]:
        """Return the entries that count for the caller, or for its account."""
        if reading.key != "mapAccounts":
            return entries_for(reading, self._target)
        return {at: mapped for at, mapped in reading.positioned if mapped.principal == self._caller.account}

    def _accounts(self, reading: ParsedList, found: dict[int, MappingEntry], *, decided: bool) -> Iterator[_Hit]:
        account = self._caller.account
        for position, mapped in reading.positioned:
            if position in found:
                why = "it is the caller's account" + (", but an entry of its own decides before" if decided else "")
                yield _Hit(position, "not-reached" if decided else "counts", NearMiss("match", why))
            elif self._wide and self._near.is_account(mapped.principal):
                why = f"an account is 12 digits, such as {quoted(account)}, and nothing else"
                yield _Hit(position, "never", NearMiss("account-digits", why), partial(EnsureAccount, account=account))

    def _entries(self, reading: ParsedList, found: dict[int, MappingEntry], *, decided: bool) -> Iterator[_Hit]:
        known = dict(reading.positioned)
        similar = self._near.similar(known) if self._wide else {}
        lines = ", ".join(str(entry_location(self._document, reading, position).line) for position in found)
        counts = f", on line {lines}" if lines else ""
        shadowed = NearMiss("shadowed", f"it never counts, because of equal entries the last one does{counts}")
        for position in range(len(reading.entries)):
            mapped = known.get(position)
            if mapped is None:
                yield from self._dropped(reading, position, reading.entries[position].shape)
            elif position in found:
                yield _Hit(position, *_status(reading, found, decided=decided))
            elif casefold_arn(mapped.principal) == self._target:
                yield _Hit(position, "shadowed", shadowed)
            elif mapped.sso is not None:
                if self._near.is_sso_of(mapped.sso):
                    yield _Hit(position, "never", _SSO_OFF)
            elif near := self._near.of(mapped.principal) or similar.get(position):
                if near.unreachable:
                    yield _Hit(position, "never", near, partial(self._correction, mapped))
                elif self._wide:
                    offers = near.code == "sso-suffix"
                    yield _Hit(position, "other", near, partial(self._same, mapped) if offers else None)

    def _correction(self, mapped: MappingEntry) -> Change | None:
        """Return the change that corrects an ARN, or maps the caller alike.

        It corrects all entries with the ARN.
        """
        principal = casefold_arn(mapped.principal)
        if principal not in self._may_rename:
            readings = map(self._document.reading, PRINCIPAL_KEYS)
            entries = [mapped for reading in readings for mapped in entries_for(reading, principal).values()]
            self._may_rename[principal] = not any(map(self._is_not_offered, entries))
        if self._may_rename[principal]:
            return RenamePrincipal(principal_arn=mapped.principal, new_arn=self._caller.canonical_arn)
        return self._same(mapped)

    def _same(self, mapped: MappingEntry) -> Change | None:
        """Return the change that maps the caller like an entry; None if not offered."""
        return None if self._is_not_offered(mapped) else ensured(self._caller, mapped.username, mapped.groups)

    def _is_not_offered(self, mapped: MappingEntry) -> bool:
        """Whether a mapping would not admit the caller, or make an administrator.

        Only a person decides about an administrator.
        """
        if needs_instance(mapped) and self._caller.is_instance is False:
            return True
        is_administrator = any(could_render(group, SYSTEM_MASTERS) for group in mapped.groups)
        self.withheld |= is_administrator
        return is_administrator

    def _dropped(self, reading: ParsedList, position: int, shape: EntryLayout) -> Iterator[_Hit]:
        """Yield an entry that the authenticator drops, if it can be meant for the caller."""
        written = shape.written(ARN_FIELD[reading.key])
        principal = casefold_arn(written.principal)
        is_meant = principal == self._target or self._mention.search(reading.text, shape.start, shape.end)
        near = None if is_meant else self._near.of(written.principal)
        is_near = bool(near and near.unreachable)
        if is_meant or is_near:
            offers = is_near or ":" not in principal or principal == self._target
            yield _Hit(position, "dropped", _DROPPED, partial(self._same, written) if offers else None)

    def _misnamed(self, key: Key) -> Iterator[Candidate]:
        """Yield the entries under an ignored data key, such as ``maproles``."""
        for name in self._misspelt.get(_normal(key), ()):
            reading = parse_list(key, self._document.data[name])
            for position, mapped in self._found(reading).items():
                location = entry_location(self._document, reading, position, name)
                why = f"the authenticator reads {key}, and ignores {quoted(name)}"
                change = EnsureAccount(account=mapped.principal) if key == "mapAccounts" else self._same(mapped)
                yield Candidate(name, location, mapped.principal, "dropped", "data-key", why, change)

    def _mentions(self, reading: ParsedList, known: list[Candidate]) -> Iterator[Candidate]:
        """Yield where the ARN is in the text but not in an entry that is read."""
        text, key = reading.text, reading.key
        lines = {candidate.location.line for candidate in known if candidate.location}
        why = "the ARN is here, but not in an entry that is read: in a comment, or after the end of the list"
        if reading.is_unreadable:
            why = f"the authenticator cannot read {key}, and this with it"
        spans = (match.span() for match in self._mention.finditer(text))
        places = [(self._document.place_of(Location.of(key, text, *span)), span[0]) for span in spans]
        for location, start in [one for one in places if one[0].line not in lines][:3]:
            fields = (entry.shape.field(ARN_FIELD.get(key, "")) for entry in reading.entries)
            line = next((continuation(text, field) for field in fields if field and field.value.start == start), "")
            continued = f"the ARN continues on the next line with {quoted(line)}, so it matches no caller"
            code, because = ("continued-value", continued) if line else ("not-read", why)
            yield Candidate(key, location, location.text, "dropped", code, because)

    def _problems(self, reading: ParsedList, found: dict[int, MappingEntry]) -> tuple[Finding, ...]:
        problems = [problem for position in found for problem in self._problems_of(reading, position)]
        return tuple(map(self._document.located, problems if reading.entries else reading.findings))

    def _problems_of(self, reading: ParsedList, position: int) -> list[Finding]:
        """Return the parser's findings about one entry."""
        if reading.key not in self._found_in:
            self._found_in[reading.key] = findings_by_entry(reading, reading.findings)
        return self._found_in[reading.key].get(position, [])

    def _candidate(self, reading: ParsedList, hit: _Hit) -> Candidate:
        entry = reading.entries[hit.position]
        principal = (entry.mapped or entry.shape.written(ARN_FIELD[reading.key])).principal
        location = entry_location(self._document, reading, hit.position)
        about = self._problems_of(reading, hit.position) if hit.near is _DROPPED else []
        why = f"{hit.near.why}. {about[0].message.removesuffix('.')}" if about else hit.near.why
        change = hit.offer() if hit.offer else None
        return Candidate(reading.key, location, principal, hit.status, hit.near.code, why, change)


def _status(reading: ParsedList, found: dict[int, MappingEntry], *, decided: bool) -> tuple[EntryStatus, NearMiss]:
    """Return the status of the entries that count for the caller, and why."""
    if decided:
        return "not-reached", NearMiss("not-reached", "it is the caller's, but mapRoles decides before")
    if len(found) > 1:
        why = f"it can count: {len(found)} spellings of this ARN are mapped, and it is undefined which one counts"
        return "may-count", NearMiss("several-spellings", why)
    arn = casefold_arn(next(iter(found.values())).principal)
    same = sum(casefold_arn(other.principal) == arn for _, other in reading.positioned)
    why = f"it counts, as the last of {same} entries for the caller" if same > 1 else "it counts, as it is the caller's"
    return "counts", NearMiss("match", why)


def _mention(target: str) -> re.Pattern[str]:
    return re.compile(re.escape(target) + r"(?![\w+=,.@/-])", re.IGNORECASE)


def _normal(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower().removesuffix("s")
