"""The rules of lint, one function each. Importing this package imports its modules, whose decorators register the rules."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from awsauth.core.lint.context import LintContext
from awsauth.core.lint.rule import RULES, Match, Rule

__all__ = ["RULES", "LintContext", "Match", "Rule"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
