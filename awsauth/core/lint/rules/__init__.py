"""The rules of lint, one function each.

Importing this package imports its modules, whose decorators register the rules.
"""

from __future__ import annotations

from awsauth.core.lint.context import LintContext, Match
from awsauth.core.lint.rule import RULES, Rule
from awsauth.core.lint.rules import arns, duplicates, groups, nodes, policy, principals, spelling, structure, templates  # noqa: F401 - their decorators register the rules

__all__ = ["RULES", "LintContext", "Match", "Rule"]
