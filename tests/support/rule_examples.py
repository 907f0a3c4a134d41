"""The examples in the docstrings of lint's rules, as documents and policies."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, NamedTuple

import yaml

from awsauth.core.document.document import MAX_BYTES, Document
from awsauth.core.lint.policy import Policy

if TYPE_CHECKING:
    from awsauth.core.lint.rules import Rule

_EXAMPLES = re.compile(r"^Fires::\n\n(?P<fires>.*)^Silent::\n\n(?P<silent>.*)\Z", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """A document, and the policy that it is held to."""

    document: Document
    policy: Policy | None


def examples_of(rule: Rule) -> tuple[Example, Example]:
    """Return a document that fires a rule, and one that does not."""
    match = _EXAMPLES.search(inspect.getdoc(rule.find) or "")
    assert match, f"{rule.code} has no examples: its docstring ends in `Fires::` and `Silent::`, in this order"
    return _example(match["fires"]), _example(match["silent"])


def _example(text: str) -> Example:
    data: dict[str, str] = yaml.safe_load(text)
    assert data, "an example is the data of a ConfigMap"
    policy = data.pop("policy", None)
    # Nobody wants to read a megabyte in a docstring.
    data = {key: "x" * MAX_BYTES if value == "FILLER" else value for key, value in data.items()}
    return Example(Document(data), Policy.from_text(policy) if policy else None)
