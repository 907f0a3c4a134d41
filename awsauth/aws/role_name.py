"""The name of an IAM role."""

from __future__ import annotations

import re
from typing import Any, Final

from awsauth.core.escaping import quoted
from awsauth.errors import UsageError

_NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)

_OR_ARN: Final = " Or pass an ARN: arn:aws:iam::111122223333:role/mytestrole."


def check_role_name(name: Any, *, or_arn: bool = False) -> None:
    """Check that this is the name of a role, without path; or else, where that will do, that it looks like an ARN.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(name, str) or not (_NAME.fullmatch(name) or (or_arn and name.startswith("arn:"))):
        raise UsageError(
            f"{quoted(str(name))} is no name of a role; nothing was changed.",
            cure=f"A name has 1 to 64 letters, digits or +=,.@_-, and no path: mytestrole.{_OR_ARN if or_arn else ''}",
        )
