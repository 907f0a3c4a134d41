"""The roles that IAM Identity Center makes, one for each permission set in an account."""

from __future__ import annotations

import re
from typing import Final

_SSO_ROLE: Final = re.compile(r".*/awsreservedsso_(?P<set>.+)_[0-9a-f]{16}", re.DOTALL)


def permission_set(principal: str) -> str | None:
    """Return the permission set, in lower case, that a role is of; None for any other principal.

    Whoever comes in by such a role has a session name that IAM Identity Center chose.
    """
    match = _SSO_ROLE.fullmatch(principal.lower())
    return match["set"] if match else None
