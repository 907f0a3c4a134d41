"""The authenticator's matching: a caller's mapping, and ARNs without a match.

This module is the only place that decides who can match; lint, guards, explanations and tables use it.

Source of the rules: ``aws-iam-authenticator`` ``pkg/mapper/configmap/mapper.go`` (``Map``), ``pkg/config/mapper.go``
(``Key``, ``Matches``), ``pkg/server/server.go`` (``doMapping``, ``renderTemplates``). Mappings by ``sso`` are off by
default there, and grant no access here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from awsauth.core.arn import LONGEST_ARN, PARTITIONS, is_user, role_or_nothing
from awsauth.core.document.authenticator import TEMPLATES
from awsauth.core.document.document import Document
from awsauth.core.document.index import kept_under, mapped_of
from awsauth.core.document.model import PRINCIPAL_KEYS, Key, MappingEntry, ParsedList

# The template with which the authenticator accepts only EC2 instances. It counts in a username and in a group.
INSTANCES_ONLY: Final = "{{EC2PrivateDNSName}}"


_TEMPLATE: Final = re.compile(rf"{{{{(?:{'|'.join(TEMPLATES)})}}}}")


# Almost all ARNs that a caller can have.
_ORDINARY: Final = re.compile(
    r"arn:aws:iam::[0-9]{12}:(?:role|user)/(?!AWSReservedSSO_)[\w+=,.@-]{1,64}", re.ASCII | re.IGNORECASE
)


# All of them, as `casefold_arn`: those that `canonical_role` or `canonical_user` leaves as it is.
_NAME: Final = r"(?!awsreservedsso_(?![\w+=,.@-]{1,32}_[0-9a-f]{16}\Z))[\w+=,.@-]{1,64}"
_CANONICAL: Final = (
    rf"(?a)(?!.{{{LONGEST_ARN + 1}}})arn:(?:{'|'.join(PARTITIONS)}):(?:iam::[0-9]{{12}}:(?:root|role/{_NAME})"
    rf"|(?:iam::[0-9]{{12}}:user|sts::[0-9]{{12}}:federated-user)/(?:/|(?:[!-.0-~]+/)*){_NAME})"
)


# The pattern of a template or placeholder in a name.
PLACEHOLDER: Final = (
    r"\{\{\s{0,9}(?:\"[^\"]{0,99}\"\s{0,9}|[^{}\s][^{}]{0,199})\}\}"  # Helm, Jinja
    r"|\{%[^%]{1,200}%\}|\$\{[^{}]{1,200}\}|\$\w+|<[^<>]{1,200}>"
)

# A masked account, or words for one; and characters that no ARN has.
_IN_ARN: Final = (
    r"(?ai)" + PLACEHOLDER + r"|\{[^{}]{0,200}\}|[<>${}]+"
    r"|(?<=::)(?!\*:)(?:[^\d:/\s][^\d:/]{0,99}|[\dx*#?]{0,99}[x*#?][\dx*#?]{0,99})"
    r"(?=:(?:\w+-)?(?:role|user|root|profile|group)\b)"
)
# Every match of `_IN_ARN` begins with one of these signs, or follows these colons. This takes a third of the time.
_MAY_HOLD: Final = re.compile(r"[<>${}]|::(?![0-9]{12}:)")
_LIKELY: Final = ("arn", "aws", "iam", "", "111122223333", "role/x")


# The mapping of a caller: several if it is undefined which one counts, or none.
Outcomes = tuple[MappingEntry, ...]


class Access(NamedTuple):
    """The access that a document gives.

    Attributes:
        by_principal: The mappings that count, by ARN in lower case, also by ARNs that no caller can have.
        accounts: Accounts whose principals without a mapping have access, with their ARN as username.
    """

    by_principal: Mapping[str, Outcomes]
    accounts: frozenset[str]

    @classmethod
    def of(cls, document: Document, principals: Collection[str] | None = None) -> Access:
        """Return the access of all principals, or of `principals`."""
        by_principal = {arn: tuple(found.values()) for arn, (_, found) in counting(document, principals).items()}
        return cls(by_principal, frozenset([mapped.principal for mapped in document.reading("mapAccounts").mapped]))

    def without(self, principals: frozenset[str]) -> Access:
        """Return the access without the mappings of `principals`."""
        return self._replace(by_principal={arn: one for arn, one in self.by_principal.items() if arn not in principals})

    def of_caller(self, arn: str) -> Outcomes:
        """Return the mapping of the caller with an ARN."""
        found = self.by_principal.get(principal_of(arn), ())
        if found or account_of(arn) not in self.accounts:
            return found
        return (MappingEntry(canonical(arn), username=canonical(arn)),)

    def of_principal(self, principal: str) -> Outcomes:
        """Return the mapping of an ARN in the map; none if no caller can have it."""
        outcomes = self.of_caller(principal) if can_match(principal) else ()
        return () if is_user(principal) and all(map(needs_instance, outcomes)) else outcomes


def counting(
    document: Document, principals: Collection[str] | None = None
) -> dict[str, tuple[Key, dict[int, MappingEntry]]]:
    """Return the key and the entries that count, by principal.

    The entries that count are as for `kept_entries`. An entry of ``mapUsers`` whose principal is in ``mapRoles`` does
    not count.
    """
    found: dict[str, tuple[Key, dict[int, MappingEntry]]] = {}
    for key in PRINCIPAL_KEYS:
        reading = document.reading(key)
        for arn, entries in kept_entries(reading, principals).items() if reading.entries else ():
            found.setdefault(arn, (key, entries))
    return found


def kept_entries(reading: ParsedList, principals: Collection[str] | None = None) -> dict[str, dict[int, MappingEntry]]:
    """Return the mappings that the authenticator keeps, with their positions.

    The keys are ARNs as `casefold_arn` returns them. The authenticator keeps roles by ARN in lower case and users by
    exact spelling, and of equal ones the last. It then looks both up in any case: of several spellings of one user it
    is undefined which one counts.

    Args:
        reading: The list of one data key.
        principals: The ARNs to look for, as `casefold_arn`; None for all.
    """
    looked_at = reading.positioned if principals is None else mapped_of(reading, principals)
    kept: dict[str, tuple[int, MappingEntry]] = {}
    for position, mapped in looked_at:
        if mapped.principal:
            kept[kept_under(reading.key, mapped.principal)] = position, mapped
    found: defaultdict[str, dict[int, MappingEntry]] = defaultdict(dict)
    for position, mapped in kept.values():
        arn = casefold_arn(mapped.principal)
        if principals is None or arn in principals:
            found[arn][position] = mapped
    return found


def entries_for(reading: ParsedList, arn: str) -> dict[int, MappingEntry]:
    """Return the mappings that `kept_entries` has for one ARN, by position."""
    return kept_entries(reading, {arn}).get(arn, {})


def needs_instance(mapped: MappingEntry) -> bool:
    """Whether a mapping is for EC2 instances only."""
    return INSTANCES_ONLY in mapped.username or any(INSTANCES_ONLY in group for group in mapped.groups)


def casefold_arn(arn: str) -> str:
    """Return a form that is equal for ARNs that Go's ``strings.EqualFold`` equates."""
    if arn.isascii():
        return arn.lower()
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in arn).replace("\u017f", "s")


def principal_of(arn: str) -> str:
    """Return the canonical ARN of a caller in lower case, or another text so."""
    return casefold_arn(canonical(arn))


def canonical(arn: str) -> str:
    """Return the canonical ARN of a caller.

    A role's has no path. Any other text is unchanged.
    """
    return arn if _ORDINARY.fullmatch(arn) else role_or_nothing(arn) or arn


def account_of(arn: str) -> str:
    """Return the account in an ARN; empty if it has none."""
    return (arn.split(":", 5) + [""] * 5)[4]


def is_canonical(principal: str) -> bool:
    """Whether a caller can have exactly this ARN.

    No caller has an ARN with a role's path or with a trailing space. Nor has it that of a session, of an instance
    profile, or of an SSO role without its suffix.
    """
    # The expression for all ARNs is compiled when it is first needed.
    return bool(_ORDINARY.fullmatch(principal) or re.fullmatch(_CANONICAL, casefold_arn(principal)))


@lru_cache(maxsize=4096)
def can_match(principal: str) -> bool:
    """Like `is_canonical`, but also true for an ARN with a placeholder.

    A placeholder looks like ``<account>``.
    """
    return is_canonical(principal) or ((likely := filled(principal)) != principal and is_canonical(likely))


def placeholders(principal: str) -> tuple[str, ...]:
    """Return the placeholders in an ARN, each once.

    They are templates, text in brackets, and a masked account or a word for one.
    """
    may_hold = _MAY_HOLD.search(principal) and not is_canonical(principal)
    return tuple(dict.fromkeys(re.findall(_IN_ARN, principal))) if may_hold else ()


def filled(principal: str) -> str:
    """Return an ARN with likely values for its placeholders.

    Of an ARN in brackets, it is the ARN.
    """
    if principal[:5].lower() == "<arn:" and principal.endswith(">"):
        return filled(principal[1:-1])
    marked, count = re.subn(_IN_ARN, "\0", principal) if _MAY_HOLD.search(principal) else (principal, 0)
    if not count:
        return principal
    parts = marked.split(":", 5)
    if "\0" in parts[0] if len(parts) == len(_LIKELY) else "\0" in (*parts, parts[0][:1]):
        return ":".join(_LIKELY)
    likely = [other if "\0" in part else part for part, other in zip(parts[:5], _LIKELY, strict=False)]
    likely += [_LIKELY[5] if part.startswith("\0") else part for part in parts[5:]]
    # The suffix of an SSO role, in case that it is filled in too.
    name = "x_0123456789abcdef" if "awsreservedsso_" in marked.lower() else "x"
    return ":".join(likely).replace("\0", name)


def is_usable(mapped: MappingEntry) -> bool:
    """Whether a caller can get in with a mapping.

    No user has an EC2 instance's private DNS name.
    """
    return can_match(mapped.principal) and not (is_user(mapped.principal) and needs_instance(mapped))


def could_render(template: str, text: str) -> bool:
    """Whether a template of a username or group can become `text`, for any caller."""
    return matches_literals(_TEMPLATE.split(template), text)


def names_for(template: str, names: Collection[str]) -> list[str]:
    """Return the names that a username or group can become, for any caller."""
    if "{{" not in template:
        return [template] if template in names else []
    # The comparison of prefixes avoids most of the slow ones, with thousands of names.
    beginning = template.partition("{{")[0]
    return [name for name in names if name.startswith(beginning) and could_render(template, name)]


def could_match(template: str, pattern: str) -> bool:
    """Whether a template may become a text that matches a pattern of `fnmatch`.

    Of a pattern with wildcards, only the beginning and the end count. So it may be True although no text matches.
    """
    first, *rest = _TEMPLATE.split(template)
    begin, *others = re.split(r"[][*?]", pattern)  # at the wildcards
    if not rest:
        return fnmatchcase(template, pattern)
    if not others:
        return could_render(template, pattern)
    last, end = rest[-1], others[-1]
    return (first.startswith(begin) or begin.startswith(first)) and (last.endswith(end) or end.endswith(last))


def matches_literals(literals: list[str], text: str) -> bool:
    """Whether `text` is these literals in their order, with any text between them."""
    first, *rest = literals
    if not rest:
        return first == text
    *middle, last = rest
    # Not an expression with `.*`: its time grows with a power of the number of gaps.
    position = len(first)
    end = len(text) - len(last)
    if position > end or not text.startswith(first) or not text.endswith(last):
        return False
    for literal in middle:
        found = text.find(literal, position, end)
        if found < 0:
            return False
        position = found + len(literal)
    return True


def lost_groups(before: Outcomes, after: Outcomes) -> list[str]:
    """Return the groups that are no longer certain, or no longer possible."""
    certain = _in_all(before) - _in_all(after)
    return sorted(certain | (_in_any(before) - _in_any(after)))


def shuts_out(before: Outcomes, after: Outcomes) -> bool:
    """Whether callers other than EC2 instances lose access, certainly or perhaps."""
    old, new = ({needs_instance(mapped) for mapped in outcomes} for outcomes in (before, after))
    return True in new - old or False in old - new


def gains(before: Outcomes, after: Outcomes) -> bool:
    """Whether a principal gets a username or group that it did not certainly have."""
    return bool(lost_groups(after, before) or _usernames(after) - _usernames(before))


def reduces_access(before: Access, after: Access) -> bool:
    """Whether a principal loses access or a group, or gets another username."""
    if before.accounts - after.accounts:
        return True
    for principal, old in before.by_principal.items():
        new = after.by_principal.get(principal, ())
        is_less = new != old and (shuts_out(old, new) or lost_groups(old, new) or _usernames(old) != _usernames(new))
        if is_less and can_match(principal):
            return True
    # A principal that had access by its account gets the username of its new mapping.
    mapped = after.by_principal.keys() - before.by_principal.keys() if before.accounts else ()
    return any(account_of(principal) in before.accounts and can_match(principal) for principal in mapped)


def _usernames(outcomes: Outcomes) -> set[str]:
    return {mapped.username for mapped in outcomes}


def _in_all(outcomes: Outcomes) -> set[str]:
    return set.intersection(*(set(mapped.groups) for mapped in outcomes)) if outcomes else set()


def _in_any(outcomes: Outcomes) -> set[str]:
    return {group for mapped in outcomes for group in mapped.groups}
