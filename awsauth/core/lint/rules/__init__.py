"""The rules of lint, one function each. A rule is registered by the decorator `rule` when its module is imported."""

from __future__ import annotations

from awsauth.core.lint.rule import RULES, Match, Rule
from awsauth.core.lint.rules import (
    administrators,
    arns,
    duplicates,
    groups,
    nodes,
    policy,
    principals,
    spelling,
    sso,
    structure,
    templates,
    usernames,
)
from awsauth.core.lint.subject import LintContext

__all__ = [
    "RULES",
    "LintContext",
    "Match",
    "Rule",
    "administrators",
    "arns",
    "duplicates",
    "groups",
    "nodes",
    "policy",
    "principals",
    "spelling",
    "sso",
    "structure",
    "templates",
    "usernames",
]
