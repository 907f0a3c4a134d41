"""Convert other tools' files and documents to fragments, and these to YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from awsauth.core.access.matching import account_of, can_match
from awsauth.core.access.node_mappings import PRESETS, NodeKind, is_node_mapping
from awsauth.core.arn import is_user, partition_of
from awsauth.core.desired.acts import live_entries
from awsauth.core.desired.fragment import Fragment, WantedRole
from awsauth.core.desired.records import principal_name
from awsauth.core.document.model import KEYS, KIND
from awsauth.core.goyaml.scalars import write_scalar
from awsauth.core.text.display import quoted, quoted_value
from awsauth.core.yaml_input import YamlInputError, parse_input
from awsauth.errors import FragmentError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from awsauth.core.document.document import Document
    from awsauth.core.document.model import Key
    from awsauth.core.yaml_input import Path

_LISTS: Final[tuple[Path, ...]] = (
    ("iamIdentityMappings",),  # eksctl
    ("accessConfig", "accessEntries"),  # eksctl
    ("access_entries",),  # terraform-aws-eks from version 20
    *((f"aws_auth_{name}",) for name in ("roles", "users", "accounts")),  # terraform-aws-eks before that
    *(("spec", key) for key in KEYS),  # AWSAuthItem
    *(("spec", "iamAuthenticatorConfig", key) for key in KEYS),  # Cluster API for AWS
    *(("server", key) for key in KEYS),  # the authenticator's own config.yaml, as with kops
    *((key,) for key in KEYS),
)
"""Where files have lists of principals, or mappings of them by name."""

_OBJECTS: Final = ("IAMIdentityMapping", "MapRole", "MapUser", "AccessEntry")
"""Kinds of objects whose ``spec`` is one principal.

They are those of the authenticator, skpr's operator, and the AWS controllers.
"""

_ARNS: Final = ("arn", "rolearn", "userarn", "roleARN", "userARN", "principalARN", "principal_arn")
_USERNAMES: Final = ("username", "kubernetesUsername", "user_name")
_GROUPS: Final = ("groups", "kubernetesGroups", "kubernetes_groups")
_IGNORED: Final = ("noDuplicateARNs", "tags", "clusterName", "clusterRef")
_TYPE: Final = "type"
_NODES: Final[dict[str, NodeKind]] = {
    "EC2_LINUX": "ec2",
    "EC2_WINDOWS": "windows",
    "FARGATE_LINUX": "fargate",
    "HYBRID_LINUX": "hybrid",
}
_HINT: Final = "Take it out of the file, import the rest, and grant it by other means, such as an access entry."


def import_fragment(text: str, name: str, owner: str) -> Fragment:
    """Return the principals in another tool's file as the fragment of an owner.

    It reads eksctl's ``iamIdentityMappings`` and ``accessEntries``, variables of terraform-aws-eks in JSON, and the
    authenticator's ``config.yaml``. It also reads the objects ``IAMIdentityMapping``, ``AWSAuthItem``, ``MapRole``,
    ``MapUser`` and ``AccessEntry``, alone or in a ``List``.

    Raises:
        FragmentError: the file holds none of these, or something that a fragment cannot hold; `location` is its place.
    """
    try:
        written = parse_input(text)
    except YamlInputError as error:
        where = ", ".join(filter(None, [name, error.location]))
        raise FragmentError(f"The file {error.problem}.", location=where, hint="Import YAML or JSON.") from error
    found: dict[str, list[Any]] = {key: [] for key in KEYS}
    items = list(_items(written.value, ()))
    if not items:
        raise FragmentError(
            "The file holds no principals in a form that awsauth knows.",
            location=name,
            hint="See `awsauth import --help`.",
        )
    places: dict[str, str] = {}
    for path, item in items:
        place = next(
            (written.locations[path[:end]] for end in range(len(path), 0, -1) if path[:end] in written.locations), ""
        )
        where = ", ".join(filter(None, [name, place]))
        try:
            key, principal, entry = _entry(item)
        except FragmentError as error:
            error.location = where
            raise
        first = places.setdefault(principal_name(key, principal), where)
        if first is not where:
            raise FragmentError(
                f"{quoted(principal, 200)} is listed twice.",
                location=f"{first} and {where}",
                hint="Leave one of the two entries out: a principal has one entry and one owner.",
            )
        found[key].append(entry)
    return Fragment(owner=owner, **found)


def _items(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the principals in a file, with their paths."""
    if not isinstance(value, dict):
        return
    objects = value.get("items")
    for index, one in enumerate(objects if isinstance(objects, list) else ()):
        yield from _items(one, (*path, "items", index))
    spec = value.get("spec")
    if isinstance(spec, dict) and spec.get("suspend") is True:
        raise FragmentError(
            "The object is suspended, so its principals are not mapped.", hint="Import it when it is not."
        )
    if value.get("kind") in _OBJECTS:
        yield (*path, "spec"), spec
    for names in _LISTS:
        found: Any = value
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        pairs = enumerate(found) if isinstance(found, list) else found.items() if isinstance(found, dict) else ()
        yield from (((*path, *names, index), one) for index, one in pairs)


def _entry(item: Any) -> tuple[Key, str, Any]:
    """Return the data key, the ARN or account, and the entry of one principal."""
    if isinstance(item, str):
        return "mapAccounts", item, item
    if not isinstance(item, dict):
        raise FragmentError("A principal is not a mapping with fields.", hint=_HINT)
    fields = {name: value for name, value in item.items() if value not in (None, [], {}, "") and name not in _IGNORED}
    if fields.keys() == {"account"}:
        return "mapAccounts", str(fields["account"]), fields["account"]
    arn, username, groups = (_taken(fields, names) for names in (_ARNS, _USERNAMES, _GROUPS))
    kind = fields.pop(_TYPE, "STANDARD")
    if unknown := [*fields, *([_TYPE] if kind not in ("STANDARD", *_NODES) else [])]:
        raise FragmentError(f"A fragment cannot hold {' and '.join(map(quoted, unknown))} of a principal.", hint=_HINT)
    if not isinstance(arn, str):
        raise FragmentError("A principal has no ARN.", hint=_HINT)
    if not isinstance(groups, (list, type(None))):
        raise FragmentError(
            f"The groups of {quoted(arn, 200)} are {quoted_value(groups, 60)}, which is not a list.",
            hint="Write them as a list of texts.",
        )
    if kind in _NODES:
        username, groups = PRESETS[_NODES[kind]]
    elif username is None and item.keys() & {"principalARN", "principal_arn"}:
        username = _default_username(arn)
    wanted = {"username": username} if username is not None else {}
    entry = {"userarn" if is_user(arn) else "rolearn": arn, **wanted, "groups": groups or []}
    return "mapUsers" if is_user(arn) else "mapRoles", arn, entry


def _taken(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    given = [name for name in names if name in fields]
    if len(given) > 1:
        raise FragmentError(
            f"A principal has {' and '.join(map(quoted, given))}, which mean the same.", hint="Leave one of them out."
        )
    return fields.pop(given[0]) if given else None


def _default_username(arn: str) -> str:
    """Return the username that EKS gives an access entry without one."""
    if is_user(arn) or arn.count(":") < 5:
        return arn
    name = arn.rpartition("/")[2]
    return f"arn:{partition_of(arn)}:sts::{account_of(arn)}:assumed-role/{name}/{{{{SessionName}}}}"


def initial_fragment(document: Document, owner: str, owned: Collection[str]) -> tuple[Fragment, list[str]]:
    """Return the mappings that an owner can adopt, and the others with a reason.

    Args:
        document: The present data.
        owner: The owner.
        owned: The principals that other owners applied, by their name in records.

    Raises:
        EditError: a text cannot be read.
    """
    found: dict[str, list[Any]] = {key: [] for key in KEYS}
    left_out = []
    for name, entries in live_entries(document).items():
        key = next(key for key in KEYS if name.startswith(f"{KIND[key]}/"))
        mapped = entries[-1]
        reason = (
            "another owner applied it" if name in owned else "it is a node mapping" if is_node_mapping(mapped) else ""
        )
        if not reason and key != "mapAccounts" and not (can_match(mapped.principal) and mapped.username):
            reason = "it never matches, or has no username"
        fields = {"username": mapped.username, "groups": mapped.groups}
        field = {"mapRoles": "rolearn", "mapUsers": "userarn"}.get(key, "")
        entry = {field: mapped.principal, **fields} if field else mapped.principal
        try:
            Fragment(owner=owner, **{key: [] if reason else [entry]})
        except FragmentError as error:
            reason = f"a fragment cannot hold it: it {error.message.removeprefix('The fragment ').removesuffix('.')}"
        if reason:
            left_out.append(f"{mapped.principal}: {reason}")
        else:
            found[key].append(entry)
    return Fragment(owner=owner, **found), left_out


def fragment_text(fragment: Fragment) -> str:
    """Return a fragment as YAML."""
    lines = [f"owner: {fragment.owner}"]
    for role in fragment.roles:
        field, principal = (
            ("rolearn", role.rolearn) if isinstance(role, WantedRole) else ("permissionset", role.permissionset)
        )
        lines += [*_title("mapRoles", lines), *_lines(field, principal, role.username, role.groups)]
    for user in fragment.users:
        lines += [*_title("mapUsers", lines), *_lines("userarn", user.userarn, user.username, user.groups)]
    for account in fragment.accounts:
        lines += [*_title("mapAccounts", lines), f'- "{account}"']
    return "\n".join(lines) + "\n"


def _title(key: str, lines: list[str]) -> list[str]:
    return [] if f"{key}:" in lines else [f"{key}:"]


def _lines(field: str, principal: str, username: str, groups: Collection[str]) -> Iterator[str]:
    yield f"- {field}: {write_scalar(principal)}"
    yield f"  username: {write_scalar(username)}"
    if groups:
        yield "  groups:"
        yield from (f"  - {write_scalar(group)}" for group in groups)
