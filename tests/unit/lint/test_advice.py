"""One law for all advice: who follows it is better off, and no principal gains or loses what the text does not say.

A finding whose `advice` is ``apply`` is followed by merging its fix, which the text has to allow. With ``by-hand``, a hint
``Write `…`.`` is followed by writing that at the place; every other hint is for a person to judge.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given, strategies as st

from awsauth.core.access.matching import Access, can_match
from awsauth.core.access.node_mappings import is_person
from awsauth.core.document.document import Document
from awsauth.core.document.model import KEYS
from awsauth.core.document.repairs import in_ascii
from awsauth.core.edit.changes import Repair
from awsauth.core.edit.merge import merge
from awsauth.core.findings import Severity
from awsauth.core.lint.lint import fixes, lint
from awsauth.core.lint.rules import RULES, nodes
from awsauth.errors import ManifestError
from awsauth.stores.file import ManifestFile
from tests.support.documents import strategies
from tests.unit.lint.test_kinds import SPLIT, TOLD
from tests.unit.lint.test_lint_laws import broken, spoilt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from awsauth.core.findings import Finding, Location

DASHES: Final = ("repeated-field", "entry-dropped")
"""Rules whose hint says on which lines a dash is missing, or too many; the access of the principal that they name changes."""

LITERAL: Final = (
    *("typographic-character", "invisible-character", "arn-space", "role-path", "placeholder", "not-an-arn"),
)
"""Rules whose hint says what to write for the text at the place."""

ARN_PROBLEMS: Final = {code for code, rule in RULES.items() if rule.find.__module__.endswith(".arns")} | {
    "placeholder",
    "sso-suffix",
}
"""Of an ARN only the first problem is told, so the next one shows when that is put right."""


def check_advice(document: Document) -> int:
    """Follow every advice on a document by itself, and hold the outcome to the law; return how many there were."""
    findings = lint(document)
    outcomes = [(finding, after) for finding in findings for after in followed(document, finding)]
    for finding in findings:
        check_words(finding)
    changes = fixes(document)
    for finding, after in outcomes:
        told = lint(after)
        assert finding.line not in {one.line for one in told}, finding.line
        assert of(finding, told) < of(finding, findings), finding.line
        # A mapping that was a part of another one has faults of its own.
        is_repair = any(isinstance(change, Repair) for change in finding.fix) or finding.code == "repeated-field"
        check_no_new_error(document, after, is_repair=is_repair)
        hinted = re.match("Write `(?!groups: )(.*?)`", finding.hint)
        named = {finding.location.text.strip("\"'"): hinted[1].strip('"')} if finding.location and hinted else {}
        if finding.code in DASHES:
            named[finding.principal.lower()] = ""
        check_access(document, after, named)
    if changes:
        check_access(document, merge(document, changes))
    return len(outcomes)


def check_words(finding: Finding) -> None:
    """A hint for a person to judge makes no node of a person, and removes no administrator before there is another."""
    is_about_nodes = finding.code in RULES and RULES[finding.code].find.__module__ == nodes.__name__
    if is_about_nodes and is_person(finding.principal.lower()):
        assert not finding.hint.startswith(("Add ", "For nodes: ")), finding.line
        assert "`system:node:" not in finding.hint, finding.line
    if is_about_nodes and "remove it here" in finding.hint:
        assert "Map another role to " in finding.hint.partition("remove it here")[0], finding.line


def followed(document: Document, finding: Finding) -> list[Document]:
    """Return the document after the advice; none where a program cannot follow it."""
    if finding.advice == "apply":
        return [merge(document, finding.fix)]
    assert finding.advice == ("by-hand" if finding.hint else "none")
    location, (start, _, rest) = finding.location, finding.hint.partition("`")
    if location and finding.code in DASHES:
        return with_dashes(document, location, finding.hint)
    if finding.code not in LITERAL or start != "Write " or not location or "\\u" in rest or "\\x" in rest:
        return []
    lines = document.data[location.key].split("\n")
    line, column = lines[location.line - 1], location.column - 1
    quote = location.text[:1] if location.text[:1] in ("'", '"') else ""
    # A text at the place without its second quote goes on in the next line.
    is_whole = len(location.text) > len(quote) and location.text.endswith(quote)
    if not is_whole or "#" in rest or ": " in rest:
        return []
    right = rest.partition("`")[0]
    right = right if right.startswith('"') else f"{quote}{right}{quote}"
    lines[location.line - 1] = f"{line[:column]}{right}{line[column + len(location.text) :]}"
    return [Document({**document.data, location.key: "\n".join(lines)})]


def with_dashes(document: Document, location: Location, hint: str) -> list[Document]:
    """Return the document with dashes put or removed, as a hint says; none if the hint leaves a choice."""
    lines = document.data[location.key].split("\n")
    if " or before " in hint or "dash" not in hint:
        return []
    dashes = [number for number, line in enumerate(lines) if re.match(" *-( |$)", line)]
    column = lines[dashes[0]].index("-")
    old, new = (" ", "-") if hint.startswith("Put") else ("-", " ")
    numbers = [int(number) - 1 for number in re.findall(r"line (\d+)", hint)]
    if not hint.startswith("Put"):
        names = re.findall(r"`([^`]*)`", hint)
        items = [number for number in dashes if lines[number].index("-") == column]
        keys = [re.sub(r"^- *\n? *", "", "\n".join(lines[number : number + 2])[column:]) for number in items]
        # The place is in one of the entries that are named, and the first of them is above the others.
        first = next(
            at
            for at in reversed(range(len(items)))
            if items[at] < location.line
            and all(key.strip("'\"").startswith(name) for key, name in zip(keys[at:], names, strict=False))
        )
        numbers = items[first + 1 : first + len(names)]
    for number in numbers:
        assert lines[number][column] == old
        lines[number] = f"{lines[number][:column]}{new}{lines[number][column + 1 :]}"
    return [Document({**document.data, location.key: "\n".join(lines)})]


def of(finding: Finding, findings: tuple[Finding, ...]) -> int:
    return sum(
        (one.code, one.principal, one.message) == (finding.code, finding.principal, finding.message) for one in findings
    )


def check_no_new_error(document: Document, after: Document, *, is_repair: bool) -> None:
    assert len(after.problems) <= len(document.problems) or is_repair
    if not is_repair:  # what was not read has faults of its own
        errors = [
            Counter(
                "arn" if one.code in ARN_PROBLEMS else one.code for one in lint(each) if one.severity is Severity.ERROR
            )
            for each in (document, after)
        ]
        assert errors[1] <= errors[0]


def check_access(document: Document, after: Document, named: Mapping[str, str] = MappingProxyType({})) -> None:
    """A principal that gets in has been written in the text, and so has each group of it; and what was given, is.

    An ARN, username or group in `named` may become the other one: the hint names both. An ARN for nothing may change.
    An empty username may become one that the text holds, below a misspelt field.
    """
    arns = {old.lower(): new.lower() for old, new in named.items()}
    text = in_ascii("\n".join(document.data.values())).lower()
    text += re.sub(r"\s*\n\s*", " ", text)  # a value may go on in the next line
    old, new = Access.of(document), Access.of(after)
    for principal, outcomes in new.by_principal.items():
        if outcomes != old.by_principal.get(principal):
            assert principal.rpartition("/")[2] in text or not can_match(principal)
            groups = {group for mapped in outcomes for group in mapped.groups}
            for group in groups:
                written = (group, json.dumps(group, ensure_ascii=False)[1:-1])
                assert any(in_ascii(form).lower() in text for form in written) or "\\" in text, group
    reachable = {arn: found for arn, found in old.by_principal.items() if can_match(arn) and arn not in named}
    for arn, outcomes in reachable.items():
        mapped = new.by_principal[arns.get(arn, arn)]
        usernames = {one.username for one in mapped}
        assert (
            usernames == {one.username for one in outcomes}
            or usernames == {named.get(one.username, one.username) for one in outcomes}
            or (not outcomes[-1].username and in_ascii(mapped[-1].username).lower() in text)
        )
        groups = {group for one in mapped for group in one.groups}
        before = {group for one in outcomes for group in one.groups if group == in_ascii(group)}
        assert all(group in groups or named.get(group) in groups for group in before)
    assert new.accounts >= old.accounts


@example(Document({"mapUsers": '[{"userarn":"\narn:aws:iam::111122223333:user/admin","groups":["a"]}]'}))
@example(Document({"mapRoles": '- rolearn: arn:aws:iam::111122223333:role/\u200badmin\n  groups: [maste"rs]\n'}))
@example(Document({"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/ci\n  groups: a\n  Groups: 123\n"}))
@example(
    Document(
        {
            "mapRoles": "- userName\": 'system:node:{{EC2PrivateDNSName}}'\n"
            "  rolearn: arn:aws:iam::111122223333:role/admin\n  groups: [system:masters]\n"
        }
    )
)
@example(
    Document(
        {
            "mapRoles": "- username: system:node:{{EC2PrivateDNSName}}\n  rolearn: arn:aws:iam::111122223333:assumed-role/ci\n"
            "  rolearn: arn:aws:iam::111122223333:instance-profile/ci\n  groups: [system:nodes]\n"
        }
    )
)
@example(Document({"mapUsers": '- userarn: "arn:aws:iam::111122223333:user/\u200bci"\n  username: ci\n' * 2}))
@example(Document({"mapUsers": "- username: ci\n" + '  userarn: "arn:aws:iam::111122223333:user/\u200bci"\n' * 2}))
@example(
    Document(
        {
            "mapRoles": "- &base\n  username: base\n  rolearn: arn:aws:iam::111122223333:role/base\n"
            "- username: ci\n  groups: ~\n  rolearn: arn:aws:iam::111122223333:role/ci\n  <<: *base\n"
            "- username: other\n  rolearn: on\n"
        }
    )
)
@example(Document({"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/ci\n- &base\n  groups: [builders]\n"}))
@example(Document({"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/ci\n  groups: [ 123 \u00a0]\n"}))
@example(Document({"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/ci\n  groups: [\uff11\uff12]\n"}))
@given(st.one_of(strategies.randoms.map(spoilt), strategies.randoms.map(broken)).map(Document))
def test_advice_on_generated_documents_holds_to_the_law(document: Document) -> None:
    check_advice(document)


@pytest.mark.parametrize("source", ["corpus", "cases"])
def test_advice_on_real_documents_holds_to_the_law(request: pytest.FixtureRequest, source: str) -> None:
    folder: Path = request.getfixturevalue(source)
    count = 0
    for path in sorted(folder.glob("*.yaml")):
        try:
            data = ManifestFile(path).read().manifest.data
        except ManifestError:
            continue
        count += check_advice(Document(data))
    assert count


@pytest.mark.parametrize("documents", [TOLD["repeated-field"], SPLIT])
def test_advice_on_dashes_holds_to_the_law(documents: list[dict[str, str]]) -> None:
    assert sum(check_advice(Document(data)) for data in documents) >= 4


def test_a_hint_that_names_what_to_write_is_followed() -> None:
    """The law would hold of nothing if no advice were followed."""
    groups = "groups: ['\u2014 view', \"a\u00a0b\"]"
    text = f"- rolearn: arn:aws:iam::111122223333:role/team/ci\n  username: \u201cci\u201d\n  {groups}\n"
    assert check_advice(Document({KEYS[0]: text})) == 4
    text = "- rolearn: <arn:aws:iam::111122223333:role/ci>\n  username: <system:node:x>\n  groups: ['<system:nodes>']\n"
    assert check_advice(Document({KEYS[0]: f"{text}- rolearn: arn:aws:iam:111122223333:role/x\n  username: x\n"})) == 4


@pytest.mark.parametrize(("text", "advice"), [
    ("- rolearn: arn:aws:iam::111122223333:role/team/ci\n  username: ci\n", "apply"),
    ("- rolearn: !!str arn:aws:iam::111122223333:role/team/ci\n  username: ci\n", "by-hand"),
    ("- &x\n  rolearn: arn:aws:iam::111122223333:role/team/ci\n  username: ci\n", "by-hand"),
    ("- {rolearn: arn:aws:iam::111122223333:role/team/ci, username: ci}\n", "apply"),
    ("- rolearn: arn:aws:iam::111122223333:role/team/*\n  username: ci\n", "by-hand"),
])  # fmt: skip
def test_advice_says_whether_a_program_can_follow_it(text: str, advice: str) -> None:
    """Where the layout does not let a program do it, a person has to."""
    [finding] = [one for one in lint(Document({"mapRoles": text})) if one.severity is Severity.ERROR]
    assert (finding.advice, finding.to_json()["advice"], bool(finding.fix)) == (advice, advice, advice == "apply")
    assert finding.hint
