"""Turn values into the authenticator's mappings, and report dropped ones.

Source of the rules: ``aws-iam-authenticator`` ``pkg/mapper/configmap/configmap.go`` (``ParseMap``) and
``pkg/config/mapper.go`` (``Validate``), with Go's ``encoding/json`` between YAML and the two structs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from awsauth.core.arn import ACCOUNT_ID, PARTITIONS
from awsauth.core.document.model import ARN_FIELD, Key, MappingEntry, Sso
from awsauth.core.findings import Finding, Location, Severity
from awsauth.core.goyaml.scalars import write_scalar
from awsauth.core.text.display import quoted, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.core.document.repairs import Respelt
    from awsauth.core.edit.changes import Change
    from awsauth.core.goyaml.decode import Value
    from awsauth.core.goyaml.nodes import Node

# The white space that Go trims. Python's ``str.strip`` also removes U+001C to U+001F.
GO_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

# The templates in usernames and groups, between double braces. Source: ``pkg/server/server.go``
# (``renderTemplates``).
TEMPLATES: Final = ("EC2PrivateDNSName", "SessionName", "SessionNameRaw", "AccountID", "AccessKeyID")

# By data key, the fields of an entry, in any case of their letters. Source: ``pkg/config/types.go``.
ENTRY_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "mapRoles": ("rolearn", "username", "groups", "userid", "sso"),
    "mapUsers": ("userarn", "username", "groups", "userid"),
}
_SSO_FIELDS: Final = ("permissionSetName", "accountID", "partition")
# Go's JSON takes the first two for the letters that they look like.
_FOLD: Final = str.maketrans({"\u017f": "s", "\u212a": "k"} | {chr(c): chr(c + 32) for c in range(65, 91)})

_FOUND: Final = {
    "string": "text",
    "list": "a list",
    "map": "a mapping",
    "bool": "true or false in YAML 1.1",
    "number": "a number in YAML 1.1",
}

NO_IAM_GROUP: Final = "Map a role instead, and allow the users in the group to assume it."

_MOST_FINDINGS: Final = 10_000  # the most findings for one text; 1 MiB has room for some 7,000 real entries

# By canonical name, key and value of the field that counts. If no field is right, it is the one that would count.
Winners = dict[str, tuple["Node", "Value"]]


def is_iam_group(text: str) -> bool:
    """Whether a text is the ARN of an IAM group, which is never the ARN of a caller."""
    return re.fullmatch(r"(?i)arn:[\w-]+:iam::[^:]*:group/.*", text) is not None


def is_skipped(text: str) -> bool:
    """Whether the authenticator skips a value: blank, or empty quotes."""
    return text.strip(GO_SPACE) in ("", "``", '""', "''")


class EntryReader:
    """Turns the decoded items of one key into mappings, and collects findings."""

    def __init__(self, key: Key, text: str) -> None:
        self.key: Key = key
        self.text = text
        self.findings: list[Finding] = []
        self._corrections: Callable[[], dict[str, Respelt]] = dict

    def role_or_user(self, item: Value) -> tuple[MappingEntry | None, Winners]:
        """Read an item of ``mapRoles`` or ``mapUsers``."""
        arn_field = ARN_FIELD[self.key]
        if item.type != "map":
            hint = "Write each mapping in it as an item of the list itself." if item.items else ""
            self._dropped(item, "This entry is not a mapping with fields.", hint)
            return None, {}
        self._corrections = lambda: self._corrections_of(item)
        texts: dict[str, str] = {}
        groups = _GoSlice()
        sso: dict[str, str] | None = None
        winners: Winners = {}
        for name, key, value in _known_fields(item, ENTRY_FIELDS[self.key]):
            is_effective = value.type != "null"
            if name == "groups":
                is_effective = self._groups(value, groups)
            elif name == "sso":
                sso = self._sso(value, sso or {}) if is_effective else None
            else:
                is_effective = self._text(name, value, texts)
            if is_effective or name not in winners:
                winners[name] = (key, value)
        match = None if sso is None else Sso(*(sso.get(name, "") for name in _SSO_FIELDS))
        mapped = MappingEntry(texts.get(arn_field, ""), texts.get("username", ""), tuple(groups.items), match)
        return (mapped if self._is_valid(item, mapped) else None), winners

    def account(self, item: Value) -> MappingEntry | None:
        """Read an item of ``mapAccounts``: the authenticator takes the text of any scalar."""
        if item.type in ("list", "map"):
            inner = item.node.children[item.node.kind == "mapping" :]
            account = inner[0].value if len(inner) == 1 else ""
            hint = f'Write `"{account}"`.' if ACCOUNT_ID.fullmatch(account) else "Write its 12 digits in quotes."
            self._dropped(item, "This account is not text.", hint)
            return None
        return MappingEntry("" if item.type == "null" else item.text)

    def _is_valid(self, item: Value, mapped: MappingEntry) -> bool:
        arn_field = ARN_FIELD[self.key]
        problem = _why_invalid(arn_field, mapped)
        texts = (value.text for _, value in (item.fields or {}).values() if value.type == "string")
        if problem and not mapped.principal and any(map(is_iam_group, texts)):
            self._dropped(item, "This entry is for an IAM group, and IAM groups cannot be mapped.", NO_IAM_GROUP)
        elif problem and not mapped.principal and arn_field in (found := self._corrections()):
            names = " and ".join(quoted(one.name) for right, one in found.items() if one.name.lower() != right)
            rights = " and ".join(f"`{visible(one.right)}`" for one in found.values())
            self._dropped(item, f"Fields with an unknown name: {names}.", f"Write {rights}.", self._repair())
        elif problem:
            self._dropped(item, problem)
        return not problem

    def _text(self, name: str, value: Value, into: dict[str, str]) -> bool:
        if value.type == "string":
            into[name] = value.text
        elif value.type != "null":
            hint = "Write an entry of its own for each ARN." if name.endswith("arn") and value.type == "list" else ""
            self._wrong_type(value, f"`{name}` is not text", f"The authenticator drops this {name}.", hint)
        return value.type == "string"

    def _groups(self, value: Value, groups: _GoSlice) -> bool:
        if value.type not in ("list", "null"):
            meant = self._corrections().get("groups")
            hint = f"Write `{visible(meant.right)}`." if meant else 'Write a list, such as `groups: ["NAME"]`.'
            # An item of a list without the blank after its dash, which YAML takes for a text.
            if value.type == "string" and re.fullmatch(r"-[^\s-]\S*", value.text):
                hint = f"Put a blank after the dash: {quoted(f'- {value.text[1:]}')}."
            fix = self._repair() if meant else ()
            self._wrong_type(value, "`groups` is not a list", "The authenticator drops the groups.", hint, fix)
            return False
        for item in value.items:
            if item.type not in ("string", "null"):
                hint = f"Write {quoted(f'- {right}')}." if (right := _unsplit(item)) else ""
                self._wrong_type(item, "This group is not text", "The authenticator makes an empty group of it.", hint)
        groups.decode([item.text if item.type == "string" else None for item in value.items])
        return value.type == "list"

    def _sso(self, value: Value, fields: dict[str, str]) -> dict[str, str]:
        """Read into `fields`: Go decodes a repeated field into the same struct."""
        if value.type != "map":
            impact, hint = "The authenticator takes it for an empty one.", "Write its fields."
            self._wrong_type(value, "`sso` is not a mapping", impact, hint)
        for name, _, child in _known_fields(value, _SSO_FIELDS):
            self._text(name, child, fields)
        return fields

    def _wrong_type(self, value: Value, rule: str, impact: str, hint: str = "", fix: tuple[Change, ...] = ()) -> None:
        if not hint and value.type in ("bool", "number"):
            hint = f"Write it in quotes: {write_scalar(value.text, 'double')}"
        message = f"{rule} but {_FOUND[value.type]}."
        self._add("wrong-type", value, (message, impact, hint or "Write one line of text."), fix)

    def _dropped(self, item: Value, problem: str, hint: str = "", fix: tuple[Change, ...] = ()) -> None:
        hint = hint or "Complete it, or remove it."
        self._add("entry-dropped", item, (problem, "The authenticator drops the entry.", hint), fix)

    def _repair(self) -> tuple[Change, ...]:
        from awsauth.core.edit.changes import Repair  # most texts do not need it, and changes take long to load

        return (Repair(key=self.key),)

    def _corrections_of(self, item: Value) -> dict[str, Respelt]:
        """Return the corrections of an entry's fields, by the right name."""
        from awsauth.core.document.repairs import respelt  # for the same reason

        found = respelt(self.key, self.text, item.node) if item.written is item.node else ()
        return {one.right.partition(":")[0]: one for one in found}

    def _add(self, code: str, value: Value, words: tuple[str, str, str], fix: tuple[Change, ...]) -> None:
        node = value.written
        if len(self.findings) >= _MOST_FINDINGS:
            from awsauth.core.goyaml.nodes import NotReadFurtherError  # for the same reason

            problem = f"more than {_MOST_FINDINGS:,} entries or fields in it are wrong, and it is not read further"
            raise NotReadFurtherError(problem, node.start)
        one_line = self.text[node.start : node.end].split("\n", 1)[0].rstrip()
        location = Location.of(self.key, self.text, node.start, node.start + len(one_line))
        self.findings.append(Finding(code, Severity.ERROR, *words, location, fix=fix))


def _unsplit(group: Value) -> str:
    """Return a group that YAML takes for a mapping: with a blank after its colon.

    For any other group, return an empty text.
    """
    found = list((group.fields or {}).items())
    for name, (_, child) in found if len(found) == 1 and group.node.style != "flow" else ():
        if isinstance(name, str) and child.type in ("string", "null"):
            return ":".join(filter(None, (name, child.text)))
    return ""


def _why_invalid(arn_field: str, mapped: MappingEntry) -> str:
    sso = mapped.sso if arn_field == "rolearn" else None
    if not sso:
        return "" if mapped.principal else f"The entry has no `{arn_field}`."
    if mapped.principal:
        return "The entry has both `rolearn` and `sso`."
    if not ACCOUNT_ID.fullmatch(sso.account):
        return "`accountID` of `sso` is not 12 digits in quotes."
    if not re.fullmatch("[A-Za-z0-9_+=,.@-]{1,32}", sso.permission_set):
        return "`permissionSetName` of `sso` is not 1 to 32 letters, digits or `+=,.@_-`."
    if sso.partition and sso.partition not in PARTITIONS:
        return f"`partition` of `sso` is not one of {', '.join(PARTITIONS)}."
    return ""


def _known_fields(value: Value, names: tuple[str, ...]) -> list[tuple[str, Node, Value]]:
    """Return the fields of the Go struct, in the order in which Go decodes them.

    They have their canonical names.
    """
    by_fold, fields = {name.lower(): name for name in names}, value.fields or {}
    keys = sorted([key for key in fields if isinstance(key, str)])
    found = ((by_fold.get(key) or by_fold.get(key.translate(_FOLD)), key) for key in keys)
    return [(name, *fields[key]) for name, key in found if name]


class _GoSlice:
    """A Go slice into which JSON is decoded repeatedly.

    Older items show through null and wrong types.
    """

    def __init__(self) -> None:
        self.items: list[str] = []
        self._array: list[str] = []

    def decode(self, texts: list[str | None]) -> None:
        """Decode items; None for null or a wrong type."""
        older = self._array + [""] * (len(texts) - len(self._array))
        self.items = [old if text is None else text for old, text in zip(older, texts, strict=False)]
        self._array = self.items + older[len(texts) :] if texts else []
