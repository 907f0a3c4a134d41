"""What the rules look at: a document, and what several of them want to know of it, worked out once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Literal

from awsauth.core.access.matching import can_match, is_canonical
from awsauth.core.access.node_mappings import is_person
from awsauth.core.arn import ACCOUNT, PARTITIONS, canonical_role, is_user, lacks_sso_suffix
from awsauth.core.document import fast_reader as plain
from awsauth.core.document.index import kept_under
from awsauth.core.document.model import ARN_FIELD, KEYS, Groups, Key, Scalar, continuation
from awsauth.core.document.repairs import in_ascii
from awsauth.core.findings import Location
from awsauth.core.goyaml import nodes
from awsauth.core.text.display import without_invisible
from awsauth.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import Entry, MappingEntry, ParsedList
    from awsauth.core.lint.policy import Policy


ArnProblem = Literal[
    "",
    "placeholder",
    "wildcard",
    "arn-space",
    "not-an-arn",
    "instance-profile",
    "assumed-role",
    "account-digits",
    "unknown-partition",
    "role-path",
    "typographic-character",
    "sso-suffix",
    "continued-value",
]
"""By the code of the rule that tells about it; empty where somebody can have the ARN."""


def arn_problem(principal: str) -> ArnProblem:
    """Return why nobody can have an ARN as it is written in the map."""
    if is_canonical(principal):
        return ""
    if can_match(principal):
        return "placeholder"
    if "*" in principal:
        return "wildcard"
    visible = without_invisible(principal)
    if in_ascii(visible) != visible and _problem_of_parts(in_ascii(visible).lower()) in ("", "role-path"):
        return "typographic-character"
    fault = _problem_of_parts(visible.lower())
    return "arn-space" if visible != principal and fault != "not-an-arn" else fault


def _problem_of_parts(arn: str) -> ArnProblem:
    scheme, partition, service, region, account, resource = (arn.split(":", 5) + [""] * 6)[:6]
    kind, slash, _ = resource.partition("/")
    if scheme != "arn" or region or not slash:
        return "not-an-arn"
    if (service, kind) == ("iam", "instance-profile"):
        return "instance-profile"
    if (service, kind) == ("sts", "assumed-role"):
        return "assumed-role"
    if (service, kind) not in (("iam", "role"), ("iam", "user"), ("sts", "federated-user")):
        return "not-an-arn"
    if not ACCOUNT.fullmatch(account):
        return "account-digits"
    if partition not in PARTITIONS:
        return "unknown-partition"
    if is_canonical(arn):
        return ""
    role = role_or_nothing(arn)
    return "not-an-arn" if not role else "sso-suffix" if lacks_sso_suffix(role) else "role-path"


def role_or_nothing(arn: str) -> str:
    """Return the ARN by which the authenticator knows a role; empty for what is the ARN of no role."""
    try:
        return canonical_role(arn)
    except InvalidValueError:
        return ""


def bare(arn: str) -> str:
    """Return an ARN in ASCII without invisible characters, and a role's without its path too."""
    visible = in_ascii(without_invisible(arn))
    return role_or_nothing(visible) or visible


def has_invisible(name: str) -> bool:
    """Whether a name begins or ends with white space, or holds a character, other than the blank, that people cannot see."""
    return name.strip() != name or name.replace(" ", "") != without_invisible(name)


class LintEntry:
    """An entry that maps something.

    Attributes:
        reading: The text that it stands in.
        entry: The entry.
        mapped: What it maps.
        fault: Of a role or user, why nobody can have its ARN.
    """

    __slots__ = ("_groups", "entry", "fault", "mapped", "reading")

    def __init__(self, reading: ParsedList, entry: Entry, mapped: MappingEntry) -> None:
        self.reading = reading
        self.entry = entry
        self.mapped = mapped
        self._groups: dict[str, Scalar] | None = None
        self.fault: ArnProblem = "" if reading.key == "mapAccounts" or mapped.sso else arn_problem(mapped.principal)
        if self.fault and continuation(reading.text, entry.shape.field(ARN_FIELD[reading.key])):
            self.fault = "continued-value"

    @property
    def identity(self) -> object:
        """What it has in common with the entries of the same key that it replaces, or that replace it.

        Users are kept by their exact spelling (``aws-iam-authenticator`` ``pkg/mapper/configmap``).
        """
        return kept_under(self.reading.key, self.mapped.principal), self.mapped.sso

    @property
    def is_person(self) -> bool:
        """Whether no machine can have the principal: a user, an account's root, a role of IAM Identity Center."""
        return is_person(self.mapped.principal.lower())

    @property
    def role_name(self) -> str:
        """What stands behind the last slash of the ARN, in lower case; empty for a user."""
        principal = self.mapped.principal.lower()
        return "" if is_user(principal) else principal.rpartition("/")[2]

    def location(self, name: str = "") -> Location:
        """Return where the value of a field stands; of its principal without a name.

        Where there is none, it is the key, or the beginning of the entry.
        """
        field = self.entry.shape.field(name or ARN_FIELD.get(self.reading.key, "account"))
        if field is None:
            first = self.entry.shape.fields
            return self._at(first[0].start if first else self.entry.shape.start)
        if isinstance(field.value, Groups) or field.value.start == field.value.end:
            return self._at(field.start)
        return self._at(field.value.start, field.value.end)

    def value_location(self, name: str) -> Location:
        """Return where the value of a field begins that is there."""
        field = self.entry.shape.field(name)
        return self.location(name) if field is None else self._at(field.value.start)

    def group_location(self, group: str) -> Location:
        """Return where a group stands."""
        if self._groups is None:
            field = self.entry.shape.field("groups")
            items = field.value.items if field is not None and isinstance(field.value, Groups) else ()
            self._groups = {item.text: item for item in reversed(items)}  # the first of equals stays
        found = self._groups.get(group)
        return self.location("groups") if found is None else self._at(found.start, found.end)

    def _at(self, start: int, end: int | None = None) -> Location:
        text = self.reading.text
        if end is not None:
            line_feed = text.find("\n", start, end)
            end = end if line_feed < 0 else line_feed
        return Location.of(self.reading.key, text, start, end)


class LintContext:
    """A document under the eyes of the rules.

    Attributes:
        document: The document.
        policy: What it is held to; None for nothing.
        binary_bytes: Bytes of all values of ``binaryData``.
        roles: Those of `items` that stand in ``mapRoles``.
        users: Those of `items` that stand in ``mapUsers``.
        items: The roles and users that are mapped, in the order of the text.
        accounts: The accounts that are.
        groups: By group, the items that are in it.
        usernames: By username, the items that have it.
        winners: Of the items, those that count: neither replaced by a later one nor, among users, by a role.
    """

    def __init__(self, document: Document, policy: Policy | None = None, binary_bytes: int = 0) -> None:
        self.document = document
        self.policy = policy
        self.binary_bytes = binary_bytes
        self.roles = self._items("mapRoles")
        self.users = self._items("mapUsers")
        self.items: Final = [*self.roles, *self.users]
        self.accounts: Final = self._items("mapAccounts")
        self.groups: Final[dict[str, list[LintEntry]]] = defaultdict(list)
        self.usernames: Final[dict[str, list[LintEntry]]] = defaultdict(list)
        self.by_principal: Final[dict[str, list[LintEntry]]] = defaultdict(list)
        """By ARN in lower case."""
        self.by_bare_arn: Final[dict[str, set[str]]] = defaultdict(set)
        """By ARN, as it would be without a path and what nobody sees, the ARNs that are mapped; in lower case."""
        for item in self.items:
            self.by_principal[item.mapped.principal.lower()].append(item)
            self.by_bare_arn[_bare(item)].add(item.mapped.principal.lower())
            self.usernames[item.mapped.username].append(item)
            for group in dict.fromkeys(item.mapped.groups):
                self.groups[group].append(item)
        self.winners: Final = self._winners()
        problems = (finding for key in KEYS for finding in document.reading(key).findings)
        self._told = {location_of(finding.location) for finding in problems if finding.location}
        self._trees: dict[Key, nodes.Node | None] = {}

    @property
    def is_readable(self) -> bool:
        """Whether all that the document maps is known: no text is lost, and each can be read for certain."""
        return all(map(self._is_read, KEYS))

    def with_arn_problem(self, fault: ArnProblem) -> Iterable[LintEntry]:
        """Return the roles and users with an ARN that nobody can have for this reason."""
        return (item for item in self.items if item.fault == fault)

    def is_told(self, location: Location) -> bool:
        """Whether the reader has found fault with what stands there already."""
        return location_of(location) in self._told

    def line(self, item: LintEntry) -> int:
        """Return the line of an item's principal: in the manifest file, for a text that comes from one."""
        return self.document.place_of(item.location()).line

    def tree(self, key: Key) -> nodes.Node | None:
        """Return the YAML of a text that holds more than the plain forms do; None where there is no more to see."""
        if key not in self._trees:
            self._trees[key] = self._parsed(key)
        return self._trees[key]

    def _parsed(self, key: Key) -> nodes.Node | None:
        text = self.document.data.get(key, "")
        if not self._is_read(key) or plain.read_fast(key, text) is not None:
            return None
        try:
            return nodes.parse_first(text)
        except nodes.YamlSyntaxError:
            return None

    def _is_read(self, key: Key) -> bool:
        reading = self.document.reading(key)
        return reading.trusted and not (reading.findings and not reading.entries)

    def _items(self, key: Key) -> list[LintEntry]:
        reading = self.document.reading(key)
        return [LintEntry(reading, entry, mapped) for entry in reading.entries if (mapped := entry.mapped) is not None]

    def _winners(self) -> list[LintEntry]:
        roles = {item.identity: item for item in self.roles}
        by_role = {item.mapped.principal.lower() for item in roles.values()}
        users = {item.identity: item for item in self.users if item.mapped.principal.lower() not in by_role}
        return [*roles.values(), *users.values()]


def _bare(item: LintEntry) -> str:
    principal = item.mapped.principal
    return (bare(principal) if item.fault in ("role-path", "arn-space", "typographic-character") else principal).lower()


def location_of(location: Location) -> tuple[str, int, int]:
    """Return a place without the text that stands there."""
    return location.key, location.line, location.column
