"""How IPython and Jupyter show values, and complete calls: nothing of a document becomes markup."""

from __future__ import annotations

import inspect
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter
from IPython.core.formatters import DisplayFormatter

import awsauth

HOSTILE: Final = "<img src=x onerror=alert(1)>&\u202e"
ARN: Final = "arn:aws:iam::111122223333:role/x"
TEXT: Final = f'- rolearn: {ARN}\n  username: "{HOSTILE}"\n  groups: ["<b>", view]\n'


def client() -> awsauth.AwsAuthClient:
    return awsauth.AwsAuthClient.in_memory({"mapRoles": TEXT}, author=HOSTILE)


def shown(value: object) -> tuple[str, str]:
    found, _ = DisplayFormatter().format(value)  # type: ignore[no-untyped-call]
    return found["text/plain"], found["text/html"]


def values() -> dict[str, object]:
    """Return a value of each kind that a notebook shows."""
    opened = client()
    result = opened.apply(awsauth.RemoveGroups(principal_arn=ARN, groups=["<b>"]), reason=HOSTILE)
    before = awsauth.Document({"mapRoles": TEXT})
    return {
        "result": result,
        "plan": client().plan(awsauth.RemoveRole(role_arn=ARN)),
        "log": opened.history(),
        "document": before,
        "mapping": before.roles[0],
        "row": awsauth.list_mappings(before)[0],
    }


def table(kind: str) -> ET.Element:
    """Return the markup of a value."""
    return ET.fromstring(f"<div>{shown(values()[kind])[1]}</div>")  # noqa: S314 - of the package


@pytest.mark.parametrize("kind", values())
def test_a_notebook_shows_the_essentials_and_no_markup_of_the_document(kind: str) -> None:
    text, markup = shown(values()[kind])
    assert len(text.splitlines()) == 1
    assert "\u202e" not in text + markup
    tree = table(kind)
    assert {element.tag for element in tree.iter()} <= {"div", "b", "pre", "table", "tr", "th", "td"}
    assert not any(element.attrib for element in tree.iter())
    assert HOSTILE[:-1] in "".join(tree.itertext()) or kind == "result"


def test_a_line_tells_what_a_call_did() -> None:
    assert repr(client().add_account_mapping("111122223333")).startswith("<Result: +account 111122223333, revision 2, ")
    assert repr(client().plan([])) == "<Plan: no change, 0 findings>"
    assert repr(client().history()) == "<Log: 0 states, 0 findings>"
    assert repr(awsauth.Document({})) == "<Document: no data>"


def test_a_table_has_the_mappings_and_the_revisions() -> None:
    tree = table("log")
    assert [cell.text for cell in tree.iter("th")][:4] == ["revision", "time", "kind", "author"]
    assert [row[0].text for row in tree.iter("tr")] == ["revision", "2", "1"]
    tree = table("document")
    assert [cell.text for cell in tree.iter("td")] == [
        "mapRoles",
        ARN,
        HOSTILE.replace("\u202e", r"\u202e"),
        "<b>, view",
    ]


@pytest.mark.parametrize("call", ["client.add_role_mapping(", "awsauth.add_role_mapping(", "client.rollback("])
def test_ipython_completes_the_keywords_of_a_call(call: str) -> None:
    completer = IPCompleter(shell=None, namespace={"client": client(), "awsauth": awsauth}, use_jedi=False)  # type: ignore[no-untyped-call]
    with provisionalcompleter():
        found = {one.text for one in completer.completions(call, len(call))}
    assert {"reason=", "allow=", "dry_run="} <= found
    assert ("file=" in found) is call.startswith("awsauth.")


def test_inspect_shows_the_keywords_of_every_public_call() -> None:
    for name in dir(awsauth.AwsAuthClient):
        method = getattr(awsauth.AwsAuthClient, name)
        if not name.startswith("_") and callable(method):
            kinds = {one.kind for one in inspect.signature(method).parameters.values()}
            assert inspect.Parameter.VAR_KEYWORD not in kinds, name
