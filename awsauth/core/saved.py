"""What a file holds that can be applied: a plan, or changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from awsauth.core import changes
from awsauth.core.escaping import visible
from awsauth.core.plan import Plan
from awsauth.errors import PlanError

if TYPE_CHECKING:
    from awsauth.core.changes import Change


def saved_from_text(text: str | bytes) -> Plan | tuple[Change, ...]:
    """Return what `Plan.to_text` wrote, or the changes of a JSON list such as ``[{"change": "RemoveRole", …}]``.

    Raises:
        PlanError: it is neither, or a plan that is not as it was saved.
        UsageError, InvalidValueError: it is a list, and not of changes that can be made.
    """
    values = _loaded(text)
    return changes.from_json(values) if isinstance(values, list) else Plan.from_json(values)


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
            cure='Give a file that a plan was saved to, or one such as [{"change": "EnsureAccount", "account": "…"}].',
        ) from error
