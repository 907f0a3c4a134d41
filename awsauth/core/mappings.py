"""Who is mapped to what, as the authenticator reads it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SsoMatch(_Value):
    """What an ``sso`` entry matches: the roles that IAM Identity Center makes for a permission set.

    An alpha feature of the authenticator, off by default (``aws-iam-authenticator`` ``pkg/config/types.go``).
    """

    permission_set_name: str
    account_id: str
    partition: str = ""


class RoleMapping(_Value):
    """An entry of ``mapRoles``: `role_arn`, or `sso` instead of one, gets `username` and `groups`."""

    role_arn: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()
    sso: SsoMatch | None = None


class UserMapping(_Value):
    """An entry of ``mapUsers``."""

    user_arn: str
    username: str = ""
    groups: tuple[str, ...] = ()
