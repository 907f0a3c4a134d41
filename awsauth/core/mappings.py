"""The mappings, as the authenticator reads them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from awsauth.core.serialization import model_problem
from awsauth.core.text.display import NotebookValue
from awsauth.errors import UsageError


class _Value(BaseModel, NotebookValue):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            message = f"{type(self).__name__} {model_problem(first, first['loc'])}."
            raise UsageError(message, hint=f"Its fields are {', '.join(type(self).model_fields)}.") from error

    @property
    def _title(self) -> str:
        return type(self).__name__

    @property
    def _rows(self) -> list[dict[str, object]]:
        return [dict(self)]


class SsoMatch(_Value):
    """The roles that an ``sso`` entry matches: those of a permission set.

    An alpha feature of the authenticator, off by default (``aws-iam-authenticator`` ``pkg/config/types.go``).
    """

    permission_set_name: str
    account_id: str
    partition: str = ""


class RoleMapping(_Value):
    """An entry of ``mapRoles``: a role's username and groups.

    `sso` may stand instead of `role_arn`.
    """

    role_arn: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()
    sso: SsoMatch | None = None


class UserMapping(_Value):
    """An entry of ``mapUsers``."""

    user_arn: str
    username: str = ""
    groups: tuple[str, ...] = ()
