"""What lint looks for: one function a rule, in the modules here, listed in `RULES` by being there.

A new rule is one function with the decorator `rule`, in the module that it fits; its docstring shows a document that
fires it and one that does not, and a test holds it to both.
"""

from __future__ import annotations

from awsauth.core.lint.rule import RULES, Match, Rule
from awsauth.core.lint.rules import (
    administrators,
    arns as accounts,
    arns as unmatched,
    duplicates,
    groups,
    nodes,
    policy as policies,
    principals,
    spelling as names,
    sso,
    structure as data,
    structure as fields,
    templates,
    usernames,
)
from awsauth.core.lint.subject import LintContext

__all__ = [
    "RULES",
    "LintContext",
    "Match",
    "Rule",
    "accounts",
    "administrators",
    "data",
    "duplicates",
    "fields",
    "groups",
    "names",
    "nodes",
    "policies",
    "principals",
    "sso",
    "templates",
    "unmatched",
    "usernames",
]
