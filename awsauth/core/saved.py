"""What a file holds that can be applied: a plan, or changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from awsauth.boundary import public
from awsauth.core import changes
from awsauth.core.escaping import visible
from awsauth.core.plan import Plan
from awsauth.errors import PlanError

if TYPE_CHECKING:
    from awsauth.core.changes import Change


_CURE: Final = 'Give a file that a plan was saved to, or one such as [{"change": "EnsureAccount", "account": "…"}].'


@public
def saved_from_text(text: str | bytes) -> Plan | tuple[Change, ...]:
    """Return what `Plan.to_text` wrote, or the changes of a JSON list such as ``[{"change": "RemoveRole", …}]``.

    A single change need not stand in a list.

    Raises:
        PlanError: it is neither, or a plan that is not as it was saved.
        UsageError, InvalidValueError: these are changes, and not such that can be made; `where` says which one.
    """
    values = _loaded(text)
    if isinstance(values, list):
        return changes.from_json(values)
    if isinstance(values, dict) and "format" in values:
        return Plan.from_json(values)
    if isinstance(values, dict) and "change" in values:
        return changes.from_json([values])
    raise PlanError("This is neither a plan nor a list of changes; nothing was changed.", cure=_CURE)


def changes_from_text(text: str | bytes) -> tuple[Change, ...]:
    """Return changes as for `saved_from_text`; of a plan its changes.

    Raises:
        PlanError, UsageError, InvalidValueError: as there.
    """
    saved = saved_from_text(text)
    return saved.changes if isinstance(saved, Plan) else saved


def _loaded(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError(
            f"This is neither a plan nor a list of changes: it is no JSON ({visible(str(error))}). Nothing was changed.",
            cure=_CURE,
        ) from error
