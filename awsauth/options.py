"""How a change is made: what every call that changes something takes beside the change itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from awsauth.core.escaping import quoted
from awsauth.core.guards import allowed_by
from awsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Options(TypedDict, total=False):
    """How a change is made.

    Attributes:
        reason: Why; kept with the revision.
        allow: Guards that are to let the change pass: by name, or by name and principal (``node-mapping=arn:…``).
        dry_run: Only say what would change.
        history: Whether to keep a revision; without one there is no way back.
    """

    reason: str
    allow: Sequence[str]
    dry_run: bool
    history: bool


_KINDS: Final[dict[str, type]] = {"reason": str, "allow": object, "dry_run": bool, "history": bool}


def checked(options: Mapping[str, Any]) -> Options:
    """Return options as they are, if that is what they are: a misspelt ``dry_run`` must not write.

    Raises:
        UsageError: one is unknown, or of another type, or `allow` names no guard.
    """
    for name, value in options.items():
        kind = _KINDS.get(name)
        if kind is None:
            raise UsageError(
                f"There is no argument {quoted(name)}; nothing was changed.",
                cure=f"What says how a change is made: {', '.join(_KINDS)}.",
            )
        if not isinstance(value, kind):
            wanted = "a text" if kind is str else "True or False"
            raise UsageError(f"{name} is {quoted(repr(value))}; nothing was changed.", cure=f"Pass {wanted}.")
    allowed_by(options.get("allow", ()))
    return cast("Options", options)
