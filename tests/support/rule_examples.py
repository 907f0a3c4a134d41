"""The examples in the docstrings of lint's rules, as documents and policies."""

from __future__ import annotations

import inspect
import re
import textwrap
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
    fires, silent = texts_of(rule)
    return _example(fires), _example(silent)


def texts_of(rule: Rule) -> tuple[str, str]:
    """Return the two examples as they are written."""
    match = _EXAMPLES.search(inspect.getdoc(rule.find) or "")
    assert match, f"{rule.code} has no examples: its docstring ends in `Fires::` and `Silent::`, in this order"
    return textwrap.dedent(match["fires"]).strip(), textwrap.dedent(match["silent"]).strip()


def _example(text: str) -> Example:
    data: dict[str, str] = yaml.safe_load(text)
    assert data, "an example is the data of a ConfigMap"
    policy = data.pop("policy", None)
    # Nobody wants to read a megabyte in a docstring.
    data = {key: "x" * MAX_BYTES if value == "FILLER" else value for key, value in data.items()}
    return Example(Document(data), Policy.from_text(policy) if policy else None)
