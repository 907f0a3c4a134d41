"""The methods that add and remove mappings, planned in place of made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from awsauth.boundary import public
from awsauth.core.plan import Plan
from awsauth.errors import UsageError
from awsauth.mapping_methods import MappingMethods

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.core.changes import Change
    from awsauth.core.finding import Finding
    from awsauth.options import Options
    from awsauth.principals import Principals


@public
class Planning(MappingMethods[Plan]):
    """What ``client.planning`` is: every method returns the plan of what it would do on the client."""

    def __init__(self, plan: Callable[[Sequence[Change]], Plan], principals: Principals) -> None:
        self._plan = plan
        self._principals = principals

    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> Plan:
        if options:
            raise UsageError(
                f"{', '.join(options)} cannot be said for a plan; nothing was changed.",
                cure="Pass it to apply(), with the plan.",
            )
        plan = self._plan(changes)
        return replace(plan, findings=(*findings, *plan.findings))
