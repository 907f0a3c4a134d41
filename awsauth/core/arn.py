"""ARNs of principals: which ``aws-auth`` may hold, and how they are matched.

Source of the rules: ``aws-iam-authenticator`` ``pkg/arn/arn.go`` (``Canonicalize``), and that STS never reports the
path of a role.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from awsauth.core.text.display import quoted
from awsauth.errors import InvalidValueError

LONGEST_ARN: Final = 2048  # characters in an ARN, by IAM's own limit

# ``aws-iam-authenticator`` ``pkg/endpoints``.
PARTITIONS: Final = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")

ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
# The name of a role or user, without its path.
IAM_NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
# The name of the role that IAM Identity Center makes for a permission set.
_SSO_NAME: Final = re.compile(r"AWSReservedSSO_(?P<set>[\w+=,.@-]{1,32})_[0-9a-f]{16}", re.ASCII | re.IGNORECASE)
# The path of all roles of permission sets; a Region may follow.
SSO_PATH: Final = "/aws-reserved/sso.amazonaws.com/"
# The command that shows the roles of permission sets.
FIND_SSO_ROLES: Final = "aws iam list-roles --path-prefix /aws-reserved/sso.amazonaws.com/"
# In the ARN of a role that only an AWS service assumes.
SERVICE_LINKED: Final = ":role/aws-service-role/"
_ROLE_EXAMPLE: Final = "arn:aws:iam::111122223333:role/deployer"
_USER_EXAMPLE: Final = "arn:aws:iam::111122223333:user/alice"


class ArnParts(NamedTuple):
    """The parts of a text as an ARN, empty where it has none.

    `kind`, `path` and `name` are those of the resource: ``role/team/ci`` is a ``role`` with the path ``team``.
    """

    scheme: str
    partition: str
    service: str
    region: str
    account: str
    resource: str
    kind: str
    path: str
    name: str

    @classmethod
    def of(cls, arn: str) -> ArnParts:
        """Return the parts of a text."""
        scheme, partition, service, region, account, resource = [*arn.split(":", 5), *[""] * 5][:6]
        kind, _, rest = resource.partition("/")
        path, _, name = rest.rpartition("/")
        return cls(scheme, partition, service, region, account, resource, kind, path, name)


def canonical_role(arn: str) -> str:
    """Return a role's ARN without its path; for a session, that of its role.

    Raises:
        InvalidValueError: it is not the ARN of an IAM role or of a role's session.
    """
    parts = _checked_parts(arn, _ROLE_EXAMPLE)
    if (parts.service, parts.kind) == ("sts", "assumed-role"):
        parts = parts._replace(name=parts.path.rpartition("/")[2], path="")
    elif (parts.service, parts.kind) != ("iam", "role"):
        raise _other_kind(arn, "a role", parts)
    _check_name(arn, parts, "role", _ROLE_EXAMPLE)
    return f"arn:{parts.partition}:iam::{parts.account}:role/{parts.name}"


def role_or_nothing(arn: str) -> str:
    """Return the canonical ARN of a role; empty if this is not the ARN of a role."""
    try:
        return canonical_role(arn)
    except InvalidValueError:
        return ""


def sso_role(arn: str) -> str:
    """Return the canonical ARN of a permission set's role; empty for any other ARN."""
    role = role_or_nothing(arn)
    return role if permission_set(role) else ""


def permission_set(principal: str) -> str:
    """Return the permission set of a role's ARN or name; empty for others."""
    match = _SSO_NAME.fullmatch(principal.rpartition("/")[2])
    return match["set"] if match else ""


def lacks_sso_suffix(arn: str) -> bool:
    """Whether a permission set's role lacks the suffix of such roles."""
    name = arn.rpartition("/")[2].lower()
    return name.startswith("awsreservedsso_") and not _SSO_NAME.fullmatch(name)


def writable_role(arn: str) -> str:
    """Return the canonical ARN of a role that can exist.

    Raises:
        InvalidValueError: as for `canonical_role`; or the role of a permission set has no suffix.
    """
    canonical = canonical_role(arn)
    if lacks_sso_suffix(canonical):
        problem = "lacks the suffix of a permission set's role: `_` and 16 hexadecimal digits"
        raise _invalid(arn, problem, f"Look up the whole name: {FIND_SSO_ROLES}")
    return canonical


def canonical_user(arn: str) -> str:
    """Return the canonical ARN of a user, with its path.

    An account's root and federated users are users.

    Raises:
        InvalidValueError: it is not the ARN of a user.
    """
    parts = _checked_parts(arn, _USER_EXAMPLE)
    if (parts.service, parts.resource) != ("iam", "root"):
        if (parts.service, parts.kind) not in (("iam", "user"), ("sts", "federated-user")):
            raise _other_kind(arn, "a user", parts)
        _check_name(arn, parts, "user", _USER_EXAMPLE)
    return arn


def canonical_principal(arn: str) -> str:
    """Return the canonical ARN of a role or user that can exist.

    Raises:
        InvalidValueError: it is the ARN of something else, or of a role that cannot exist.
    """
    return canonical_user(arn) if is_user(arn) else writable_role(arn)


def entry_principal(arn: str) -> str:
    """Return the ARN of a principal that may have an access entry, with its path.

    Raises:
        InvalidValueError: it is not the ARN of a role or user, or EKS accepts no entry for it.
    """
    canonical_principal(arn)
    if ":sts:" in arn or arn.endswith(":root"):
        hint = "Give the ARN of the role or user itself, with its path in IAM."
        raise _invalid(arn, "is a session or an account's root, and EKS accepts neither in an access entry", hint)
    if SERVICE_LINKED in arn:
        hint = "The AWS service makes its access entry: turn that on in the service."
        raise _invalid(arn, "is a service-linked role, and EKS accepts none in an access entry", hint)
    return arn


def is_user(arn: str) -> bool:
    """Whether an ARN, right or wrong, looks like that of a user rather than of a role."""
    return ":user/" in arn or ":federated-user/" in arn or arn.endswith(":root")


def partition_of(arn: str) -> str:
    """Return the partition in an ARN, such as ``aws-cn``."""
    return arn.split(":")[1]


def account_id(account: str) -> str:
    """Return `account` if it is one.

    Raises:
        InvalidValueError: it is not 12 digits.
    """
    if not ACCOUNT_ID.fullmatch(account):
        raise InvalidValueError(f"{quoted(account)} is not an AWS account ID.", hint="Pass the 12 digits as text.")
    return account


def _checked_parts(arn: str, example: str) -> ArnParts:
    if len(arn) > LONGEST_ARN:
        raise _invalid(arn, f"has more than the {LONGEST_ARN:,} characters of an ARN", f"An ARN looks like {example}.")
    parts = ArnParts.of(arn)
    if parts.scheme != "arn" or arn.count(":") < 5:
        raise _invalid(arn, "is not an ARN", f"An ARN looks like {example}.")
    if parts.partition not in PARTITIONS:
        raise _invalid(arn, "has an unknown partition", f"The partitions are {', '.join(PARTITIONS)}.")
    if not ACCOUNT_ID.fullmatch(parts.account) or parts.region:
        raise _invalid(arn, "does not have an account of 12 digits", f"An ARN looks like {example}.")
    return parts


def _check_name(arn: str, parts: ArnParts, kind: str, example: str) -> None:
    if not IAM_NAME.fullmatch(parts.name) or (parts.path and not re.fullmatch(r"(?:[!-.0-~]+/)*", f"{parts.path}/")):
        raise _invalid(arn, f"does not have a valid {kind} name", f"The ARN of a {kind} looks like {example}.")


def _other_kind(arn: str, wanted: str, parts: ArnParts) -> InvalidValueError:
    service, kind = parts.service, parts.kind
    known = {("iam", "user"): "a user", ("iam", "role"): "a role", ("iam", "root"): "an account's root"}
    found = known.get((service, kind), f"something else ({quoted(f'{service} {kind}', 40)})")
    hints = dict.fromkeys(("user", "root"), "Map it as a user.")
    hints |= dict.fromkeys(("role", "assumed-role"), "Map it as a role.")
    hint = hints.get(kind, "Give the ARN of an IAM role or user.")
    return _invalid(arn, f"is not the ARN of {wanted} but of {found}", hint)


def _invalid(arn: str, problem: str, hint: str) -> InvalidValueError:
    return InvalidValueError(f"{quoted(arn)} {problem}.", hint=hint)
