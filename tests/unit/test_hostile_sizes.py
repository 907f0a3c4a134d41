"""Twice the text takes about twice the steps, also where a text was made to take long."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

import awsauth
from awsauth.aws.trust_policy import trust_in_ec2
from awsauth.core.document.index import mapped_of
from awsauth.core.document.model import KEYS, MappingEntry
from awsauth.core.goyaml import libyaml_nodes as nodes
from awsauth.core.lint import arn_problems
from awsauth.core.lint.context import LintContext
from awsauth.core.manifest.edit_buffer import from_buffer, to_buffer, with_marks
from awsauth.core.manifest.locate import origins
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.text.lines import close_matches
from awsauth.errors import AwsAuthError
from tests.support.documents.hostile import ARN, SHAPES
from tests.support.steps import opcodes, steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth import Document


def _shown(difference: awsauth.Diff) -> None:
    assert str(difference) or not difference
    difference.markdown()
    difference.to_json()


def _all_found(document: Document) -> None:
    for finding in awsauth.lint(document):
        assert finding.line
    assert isinstance(awsauth.fixes(document), tuple)


def _changed(change: awsauth.Change) -> Callable[[Document], None]:
    def job(document: Document) -> None:
        client = awsauth.AwsAuthClient.in_memory(dict(document.data), author="ci")
        try:
            plan = client.plan([change])
            _shown(plan.diff)
        except AwsAuthError as error:
            assert str(error)

    return job


_EMPTY: Final = "kind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata: {}\n"


def _in_manifest(document: Document) -> None:
    if any("\x85" in text for text in document.data.values()):
        return  # no manifest holds that in a literal block
    manifest = Manifest.parse(_EMPTY)
    for key in KEYS:
        manifest = manifest.with_key(key, document.data.get(key))
    for finding in awsauth.Document(manifest.data).problems:
        assert not finding.location or origins(manifest.found)[finding.location.key](finding.location).line


def _edited(document: Document) -> None:
    try:
        sheet = to_buffer(document).replace("- x", "-  x")
    except AwsAuthError as error:
        assert "\\x85" in str(error)
        return
    _, complaints = from_buffer(sheet, document)
    assert with_marks(sheet, complaints)


def _turned(document: Document) -> awsauth.Document:
    """Return a document with the lines of each text in the other order."""
    return awsauth.Document(
        {key: "".join(reversed(text.splitlines(keepends=True))) for key, text in document.data.items()}
    )


CALLS: Final[dict[str, Callable[[Document], object]]] = {
    "problems": lambda document: [str(finding) for finding in document.problems],
    "lint": _all_found,
    "diff to nothing": lambda document: _shown(awsauth.diff(document, awsauth.Document({}))),
    "diff to another order": lambda document: _shown(awsauth.diff(document, _turned(document))),
    "explain": lambda document: awsauth.explain(document, ARN).to_json(),
    "who can": lambda document: awsauth.who_can(document, group="system:masters"),
    "places in a manifest": _in_manifest,
    "edit": _edited,
    "add": _changed(awsauth.EnsureRole(role_arn=ARN, username="ci", groups=["a"])),
    "remove": _changed(awsauth.RemoveRole(role_arn=ARN)),
    "rename": _changed(awsauth.RenamePrincipal(principal_arn=ARN, new_arn=f"{ARN}-2")),
    "deduplicate": _changed(awsauth.Deduplicate()),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_text_takes_twice_the_steps(shape: str, call: str) -> None:
    few, more = (steps(partial(CALLS[call], awsauth.Document(SHAPES[shape](count)))) for count in (80, 160))
    assert more < few * 2.2 + 250


@pytest.mark.parametrize("shape", ["no mappings", "nothing", "empty in brackets"])
def test_of_many_values_that_map_nothing_some_are_read(shape: str) -> None:
    """Of the rest, only the beginnings of lines are looked for."""
    few, more = (
        steps(partial(CALLS["problems"], awsauth.Document(SHAPES[shape](count)))) for count in (30_000, 60_000)
    )
    assert more < few * 1.3


def test_of_very_many_short_values_some_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_MANY", 2**12)
    monkeypatch.setattr(nodes, "_MOST", 2**13)
    few, more = (
        steps(partial(CALLS["problems"], awsauth.Document({"mapAccounts": "- abcdé\n" * count})))
        for count in (9_000, 18_000)
    )
    assert more < few * 1.3
    (finding,) = awsauth.Document({"mapAccounts": "- abcdé\n" * 9_000}).problems
    assert "it has more than 8,192 values, and is not read further" in finding.message


@pytest.mark.parametrize("is_enabled", [True, False])
@pytest.mark.parametrize("text", ["- rolearn: é\n", "- [\n", "- x\n" * 21_000])
def test_garbage_is_collected_again_after_reading(text: str, *, is_enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        assert awsauth.Document({"mapRoles": text}).reading("mapRoles").text == text
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_the_largest_text_of_real_entries_is_read_in_full() -> None:
    entry = f"- rolearn: {ARN}-in-a-region\r\n  username: system:node\r\n  groups:\r\n  - system:nodes\r\n"
    document = awsauth.Document({"mapRoles": entry * (2**20 // len(entry))})
    assert not document.problems
    assert len(document.roles) > 9_000


def test_more_entries_that_map_nothing_than_fit_are_not_told_one_by_one() -> None:
    told = awsauth.Document({"mapRoles": "- no mapping\n" * 10_000}).problems
    assert {finding.code for finding in told} == {"entry-dropped"}
    assert len(told) == 10_000
    (one,) = awsauth.Document({"mapRoles": "- no mapping\n" * 10_001}).problems
    assert one.code == "untrusted"
    assert one.location
    assert one.location.line == 10_001
    assert "is not read further" in one.message


def test_a_text_that_is_not_read_is_not_changed_but_replaced() -> None:
    client = awsauth.AwsAuthClient.in_memory({"mapRoles": "- x\n" * 30_000}, author="ci")
    with pytest.raises(AwsAuthError, match="is not read further"):
        client.plan([awsauth.EnsureRole(role_arn=ARN, username="ci", groups=["a"])])
    good = f"- rolearn: {ARN}\n  username: ci\n"
    client.apply(awsauth.ReplaceText(key="mapRoles", text=good), allow=["regrant"])
    assert client.read().data == {"mapRoles": good}


def test_many_values_of_real_entries_are_all_read() -> None:
    entry = f"- rolearn: {ARN}\n  username: é\n  groups: [a]\n"
    document = awsauth.Document({"mapRoles": entry * 6_000})
    assert not document.problems
    assert len(document.roles) == 6_000


@pytest.mark.parametrize(
    ("shape", "call"), [("dropped, of the caller", "explain"), ("a path in many spellings", "explain")]
)
def test_nor_do_loops_without_calls_take_longer(shape: str, call: str) -> None:
    few, more = (opcodes(partial(CALLS[call], awsauth.Document(SHAPES[shape](count)))) for count in (40, 80))
    assert more < few * 2.2


def test_the_place_of_each_of_many_groups_is_found_at_once() -> None:
    def job(count: int) -> None:
        subject = LintContext(awsauth.Document(SHAPES["groups"](count)))
        assert [subject.items[0].group_location(group).line for group in subject.groups] == list(range(4, count + 4))

    few, more = (opcodes(partial(job, count)) for count in (200, 400))
    assert more < few * 2.2


def test_stars_of_an_action_are_matched_at_once() -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "*" * 18 + "x"}
    assert trust_in_ec2({"Statement": [statement]}, "aws").verdict == "no"
    statement["Action"] = "s*" * 18
    assert trust_in_ec2({"Statement": [statement]}, "aws").verdict == "no"
    statement["Action"] = "*".join("sts:assumerole")
    assert trust_in_ec2({"Statement": [statement]}, "aws").verdict == "yes"


def test_a_word_is_compared_with_several_at_once() -> None:
    for count in (1, 16):  # the letters of the others are noted once
        close_matches("system" * 20, ["system" * 20] * count, 1, 0.8)
    few, more = (opcodes(partial(close_matches, "system" * 20, ["system" * 20] * count, 1, 0.8)) for count in (1, 16))
    assert more < few * 4


def test_a_text_that_cannot_be_searched_has_an_index_of_its_principals() -> None:
    reading = awsauth.Document(SHAPES["not to be edited"](50)).reading("mapRoles")
    assert not reading.bounds
    principal = (reading.entries[7].mapped or MappingEntry("")).principal
    assert [position for position, _ in mapped_of(reading, {principal})] == [7]
    both = {principal, "arn:aws:iam::111122223333:role/absent"}
    assert [position for position, _ in mapped_of(reading, both)] == [7]


def test_an_account_that_is_mapped_very_often_is_not_listed_each_time() -> None:
    (step,) = [
        step for step in awsauth.explain(awsauth.Document(SHAPES["one account"](150)), ARN).steps if step.candidates
    ]
    assert len(step.candidates) == 100
    assert "50 more entries" in step.summary


def test_so_many_findings_of_a_kind_are_listed_that_nobody_reads_more() -> None:
    document = awsauth.Document(SHAPES["one account"](10_001))
    listed = [finding for finding in awsauth.lint(document) if finding.code == "duplicate"]
    assert len(listed) == 1_001
    assert str(listed[-1]) == (
        "There are more than 1,000 findings of this kind. The others are not listed. Correct the listed ones first."
    )
    assert len(awsauth.list_mappings(document)[9_000].notes) == 1
    few = awsauth.Document(SHAPES["one account"](9_000))
    assert len([finding for finding in awsauth.lint(few) if finding.code == "duplicate"]) == 8_999


def test_a_path_is_found_at_once_and_otherwise_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    arns = [
        "arn:aws:iam::111122223333:role/a/ci",
        "arn:aws:iam::111122223333:role/a/b=c/CI",
        "arn:aws:iam::111122223333:role/a//ci",
        "arn:aws:iam::111122223333:role/a/*/ci",
        "arn:aws:iam::111122223333:role/<team>/ci",
        "arn:aws:iam::11112222333:role/a/ci",
        "arn:aws:iam::111122223333:role/a/AWSReservedSSO_x",
        f"arn:aws:iam::111122223333:role/{'a/' * 2_000}ci",
        "arn:aws:IAM::111122223333:role/a/ci",
        "arn:aws:iam::111122223333:user/a/ci",
    ]
    at_once = [(arn_problems.arn_problem(arn), arn_problems.bare.__wrapped__(arn)) for arn in arns]
    assert at_once[0] == ("role-path", "arn:aws:iam::111122223333:role/ci")
    monkeypatch.setattr(arn_problems, "_WITH_PATH", "(?!)")
    assert [(arn_problems.arn_problem(arn), arn_problems.bare.__wrapped__(arn)) for arn in arns] == at_once


def test_words_resemble_each_other_by_their_letters_in_order() -> None:
    assert close_matches("sytsem", ["system", "item", ""], 3, 0.8) == ["system"]
    assert close_matches("abc", ["abcd", "abc", "ab", "xyz"], 2, 0.6) == ["abc", "abcd"]
    assert close_matches("", ["", "a"], 1, 0.5) == []
    assert close_matches("a" * 1_000_000, ["a"], 1, 0.5) == []
