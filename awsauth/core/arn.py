"""ARNs of principals: what may be written into ``aws-auth``, and what the authenticator will see of it.

Source of the rules: ``aws-iam-authenticator`` ``pkg/arn/arn.go`` (``Canonicalize``), and that STS never reports the
path of a role.
"""

from __future__ import annotations

import re
from typing import Final

from awsauth.core.text.display import quoted
from awsauth.errors import InvalidValueError

LONGEST: Final = 2048
"""Characters in an ARN, by IAM's own limit."""

PARTITIONS: Final = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
"""``aws-iam-authenticator`` ``pkg/endpoints``."""

ACCOUNT: Final = re.compile(r"[0-9]{12}")
"""The number of an account, all of the text."""

_ARN: Final = re.compile(
    r"arn:(?P<partition>[^:]*):(?P<service>[^:]*):(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.*)", re.DOTALL
)
_NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_PATH: Final = re.compile(r"(?:[!-.0-~]+/)*")
SSO_NAME: Final = re.compile(r"AWSReservedSSO_(?P<set>[\w+=,.@-]{1,32})_[0-9a-f]{16}", re.ASCII | re.IGNORECASE)
"""The name of the role that IAM Identity Center makes for a permission set."""
_SSO_PREFIX: Final = "awsreservedsso_"
_ROLE_EXAMPLE: Final = "arn:aws:iam::111122223333:role/deployer"
_USER_EXAMPLE: Final = "arn:aws:iam::111122223333:user/alice"


def canonical_role(arn: str) -> str:
    """Return the ARN by which the authenticator knows a role: without path, and for a session that of its role.

    Raises:
        InvalidValueError: it is not the ARN of an IAM role or of a role's session.
    """
    partition, service, account, resource = _parts(arn, _ROLE_EXAMPLE)
    kind, _, rest = resource.partition("/")
    path, _, name = rest.rpartition("/")
    if service == "sts" and kind == "assumed-role":
        name, path = path.rpartition("/")[2], ""
    elif service != "iam" or kind != "role":
        raise _invalid(arn, f"is the ARN of no role but of {_what(service, kind)}", _way_out(kind))
    if not _NAME.fullmatch(name) or not _PATH.fullmatch(f"{path}/" if path else ""):
        raise _invalid(arn, "has no valid role name", f"A role's ARN looks like {_ROLE_EXAMPLE}.")
    return f"arn:{partition}:iam::{account}:role/{name}"


def lacks_sso_suffix(arn: str) -> bool:
    """Whether a role is called after a permission set, without the suffix that every such role has."""
    name = arn.rpartition("/")[2].lower()
    return name.startswith(_SSO_PREFIX) and not SSO_NAME.fullmatch(name)


def writable_role(arn: str) -> str:
    """Return the ARN by which the authenticator knows a role, if the role can exist.

    Raises:
        InvalidValueError: as for `canonical_role`; or the role of a permission set has no suffix.
    """
    canonical = canonical_role(arn)
    if lacks_sso_suffix(canonical):
        problem = "has no suffix: the role of a permission set ends in `_` and 16 hexadecimal digits"
        raise _invalid(
            arn, problem, "Look up the whole name: aws iam list-roles --path-prefix /aws-reserved/sso.amazonaws.com/"
        )
    return canonical


def canonical_user(arn: str) -> str:
    """Return the ARN by which the authenticator knows a user: as it is, with its path.

    Accounts' roots and federated users count as users.

    Raises:
        InvalidValueError: it is not the ARN of a user.
    """
    partition, service, account, resource = _parts(arn, _USER_EXAMPLE)
    kind, _, rest = resource.partition("/")
    path, _, name = rest.rpartition("/")
    prefix = f"arn:{partition}:{service}::{account}:"
    if service == "iam" and resource == "root":
        return prefix + resource
    if (service, kind) not in (("iam", "user"), ("sts", "federated-user")):
        raise _invalid(arn, f"is the ARN of no user but of {_what(service, kind)}", _way_out(kind))
    if not _NAME.fullmatch(name) or not _PATH.fullmatch(f"{path}/" if path else ""):
        raise _invalid(arn, "has no valid user name", f"A user's ARN looks like {_USER_EXAMPLE}.")
    return prefix + resource


def canonical_principal(arn: str) -> str:
    """Return the ARN by which the authenticator knows a role or a user, if it can exist.

    Raises:
        InvalidValueError: it is the ARN of neither, or of a role that cannot exist.
    """
    return canonical_user(arn) if is_user(arn) else writable_role(arn)


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
    if not ACCOUNT.fullmatch(account):
        raise InvalidValueError(
            f"{quoted(account)} is no AWS account; nothing was changed.", hint="An account is 12 digits, given as text."
        )
    return account


def same(left: str, right: str) -> bool:
    """Whether two ARNs name the same principal to the authenticator, which ignores case."""
    return left.lower() == right.lower()


def _parts(arn: str, example: str) -> tuple[str, str, str, str]:
    if len(arn) > LONGEST:
        raise _invalid(
            arn, f"is longer than the {LONGEST:,} characters that an ARN may have", "Check where it comes from."
        )
    match = _ARN.fullmatch(arn)
    if match is None:
        raise _invalid(arn, "is no ARN", f"An ARN looks like {example}.")
    if match["partition"] not in PARTITIONS:
        raise _invalid(arn, "has an unknown partition", f"The partitions are {', '.join(PARTITIONS)}.")
    if not ACCOUNT.fullmatch(match["account"]) or match["region"]:
        raise _invalid(arn, "has no account of 12 digits in its place", f"An ARN looks like {example}.")
    return match["partition"], match["service"], match["account"], match["resource"]


def _what(service: str, kind: str) -> str:
    known = {("iam", "user"): "a user", ("iam", "role"): "a role", ("iam", "root"): "an account's root"}
    return known.get((service, kind), f"something else ({quoted(f'{service} {kind}', 40)})")


def _way_out(kind: str) -> str:
    if kind in ("user", "root"):
        return "Map it as a user."
    return "Map it as a role." if kind in ("role", "assumed-role") else "Give the ARN of an IAM role or user."


def _invalid(arn: str, problem: str, hint: str) -> InvalidValueError:
    return InvalidValueError(f"{quoted(arn)} {problem}; nothing was changed.", hint=hint)
