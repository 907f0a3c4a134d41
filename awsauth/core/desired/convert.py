"""Convert other tools' files and documents to fragments, and these to YAML."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from awsauth.core.access.matching import can_match
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.arn import is_user
from awsauth.core.desired.acts import live_entries
from awsauth.core.desired.fragment import Fragment, combined, fragment_item, nearest_place, placed
from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS, KIND, Key
from awsauth.core.entries.merge import default_username
from awsauth.core.entries.model import NODE_TYPES
from awsauth.core.goyaml.scalars import write_scalar
from awsauth.core.text.display import quoted, quoted_value
from awsauth.core.yaml_input import Path, YamlInputError, parse_input
from awsauth.errors import FragmentError

# Where files have principals: a list, a mapping by name, or the text of a list.
_LISTS: Final[tuple[Path, ...]] = (
    ("iamIdentityMappings",),  # eksctl
    ("accessConfig", "accessEntries"),  # eksctl
    ("access_entries",),  # terraform-aws-eks from version 20
    *((f"aws_auth_{name}",) for name in ("roles", "users", "accounts")),  # terraform-aws-eks before that
    *(("spec", key) for key in KEYS),  # AWSAuthItem
    *(("spec", "iamAuthenticatorConfig", key) for key in KEYS),  # Cluster API for AWS
    *(("server", key) for key in KEYS),  # the authenticator's own config.yaml, as with kops
    *((key,) for key in KEYS),
    *(("data", key) for key in KEYS),  # aws-auth itself, or a ConfigMap that cmmc or Gruntwork's aws-auth-merger merges
    *(("spec", "data", key, "init") for key in KEYS),  # cmmc's MergeTarget
    *((*prefix, name) for prefix in ((), ("static",)) for name in ("roles", "users")),  # polarsquad's eks-auth-sync
)

# Where objects say that their principals come from another source.
_ELSEWHERE: Final = {
    ("spec", "syncIamGroups"): "the members of IAM groups",  # gp42's AwsAuthSyncConfig
    ("iam", "clusterName"): "the tags of IAM users and roles",  # eks-auth-sync
    ("ssm", "path"): "a parameter of AWS Systems Manager",
    ("file", "path"): "another file",
}

# Kinds of objects whose ``spec`` is one principal. They are those of the authenticator, skpr's operator, and the
# AWS controllers.
_OBJECTS: Final = ("IAMIdentityMapping", "MapRole", "MapUser", "AccessEntry")

_ARNS: Final = ("arn", "rolearn", "userarn", "roleARN", "userARN", "principalARN", "principal_arn")
_USERNAMES: Final = ("username", "kubernetesUsername", "user_name")
_GROUPS: Final = ("groups", "kubernetesGroups", "kubernetes_groups")
_IGNORED: Final = ("noDuplicateARNs", "tags", "clusterName", "clusterRef")
_NODES: Final = NODE_TYPES.keys() - {"EC2", "HYPERPOD_LINUX"}  # the types that a mapping can stand for
_HINT: Final = "Take it out of the file, import the rest, and grant it by other means, such as an access entry."


def import_fragment(text: str, owner: str) -> Fragment:
    """Return the principals in another tool's file as the fragment of an owner.

    It reads eksctl's ``iamIdentityMappings`` and ``accessEntries``, variables of terraform-aws-eks in JSON, the
    authenticator's ``config.yaml``, and the static mappings of eks-auth-sync. It also reads the objects
    ``IAMIdentityMapping``, ``AWSAuthItem``, ``MapRole``, ``MapUser`` and ``AccessEntry``, alone or in a ``List``. So it
    does ConfigMaps with the lists of ``aws-auth``.

    Raises:
        FragmentError: the file holds none of these, or something that a fragment cannot hold; `location` is its place.
    """
    try:
        written = parse_input(text)
    except YamlInputError as error:
        hint = "Import YAML or JSON."
        raise FragmentError(f"The file {error.problem}.", location=error.location, hint=hint) from error
    found: dict[str, list[Any]] = {key: [] for key in KEYS}
    if not (items := list(_items(written.value, ()))):
        message = "The file holds no principals in a form that awsauth knows."
        raise FragmentError(message, hint="See `awsauth import --help`.")
    places: dict[Path, str] = {}
    for path, item in items:
        place = nearest_place(written.locations, path)
        try:
            key, entry = _entry(item)
        except FragmentError as error:
            error.location = place
            raise
        places[key, len(found[key])] = place
        found[key].append(entry)
    made = placed(Fragment(owner=owner, **found), "", places)
    combined([made])  # A principal may be listed twice.
    return made


def _items(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the principals in a file, or errors, with their paths."""
    for name in ("items", "scanners"):  # lists of objects: of Kubernetes, and of polarsquad's eks-auth-sync
        objects = _at(value, (name,))
        for index, one in enumerate(objects if isinstance(objects, list) else ()):
            yield from _items(one, (*path, name, index))
    if _at(value, ("spec", "suspend")) is True:
        problem = "The object is suspended, so its principals are not mapped."
        yield (*path, "spec"), FragmentError(problem, hint="Import it when it is not.")
    for place, source in _ELSEWHERE.items():
        if _at(value, place):
            problem = f"The file has no principals: they come from {source}."
            yield (*path, *place), FragmentError(problem, hint="Import the aws-auth that the tool has written.")
    if _at(value, ("kind",)) in _OBJECTS:
        yield (*path, "spec"), value.get("spec")
    for names in _LISTS:
        found = _at(value, names)
        try:
            found = parse_input(found).value if isinstance(found, str) and found.strip() else found
        except YamlInputError as error:
            yield (*path, *names), FragmentError(f"The text {error.problem}.", hint="Correct it with `awsauth fmt`.")
        pairs = enumerate(found) if isinstance(found, list) else found.items() if isinstance(found, dict) else ()
        yield from (((*path, *names, index), one) for index, one in pairs)


def _at(value: Any, names: Path) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _entry(item: Any) -> tuple[Key, Any]:
    """Return the data key and the entry of one principal."""
    if isinstance(item, FragmentError):
        raise item
    if isinstance(item, str):
        return "mapAccounts", item
    if not isinstance(item, dict):
        raise FragmentError("A principal is not a mapping with fields.", hint=_HINT)
    fields = {name: value for name, value in item.items() if value not in (None, [], {}, "") and name not in _IGNORED}
    if fields.keys() == {"account"}:
        return "mapAccounts", fields["account"]
    arn, username, groups = (_taken(fields, names) for names in (_ARNS, _USERNAMES, _GROUPS))
    kind = fields.pop("type", "STANDARD")
    if unknown := [*fields, *(["type"] if kind not in ("STANDARD", *_NODES) else [])]:
        raise FragmentError(f"A fragment cannot hold {' and '.join(map(quoted, unknown))} of a principal.", hint=_HINT)
    if not isinstance(arn, str):
        raise FragmentError("A principal has no ARN.", hint=_HINT)
    if not isinstance(groups, (list, type(None))):
        message = f"The groups of {quoted(arn, 200)} are {quoted_value(groups, 60)}, which is not a list."
        raise FragmentError(message, hint="Write them as a list of texts.")
    if kind in _NODES:
        username, groups = NODE_TYPES[kind]
    elif username is None and item.keys() & {"principalARN", "principal_arn"}:
        username = default_username(arn)
    wanted = {"username": username} if username is not None else {}
    entry = {"userarn" if is_user(arn) else "rolearn": arn, **wanted, "groups": groups or []}
    return "mapUsers" if is_user(arn) else "mapRoles", entry


def _taken(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    given = [name for name in names if name in fields]
    if len(given) > 1:
        message = f"A principal has {' and '.join(map(quoted, given))}, which mean the same."
        raise FragmentError(message, hint="Leave one of them out.")
    return fields.pop(given[0]) if given else None


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
        reason = "another owner applied it" if name in owned else "it maps nodes" if is_node_mapping(mapped) else ""
        if not reason and key != "mapAccounts" and not (can_match(mapped.principal) and mapped.username):
            reason = "it never matches, or has no username"
        entry = fragment_item(key, mapped)
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
    return "\n".join(_lines(fragment.model_dump(by_alias=True, exclude_defaults=True))) + "\n"


def _lines(fields: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a mapping of texts, and of lists of texts or mappings."""
    for name, value in fields.items():
        if isinstance(value, str):
            yield f"{name}: {write_scalar(value)}"
            continue
        yield f"{name}:"
        for item in value:
            first, *others = [write_scalar(item)] if isinstance(item, str) else _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in others)
