"""Repairs: what can only mean one thing is written as the authenticator reads it, and nothing else is touched."""

from __future__ import annotations

import pytest

from awsauth.core.document.document import Document
from awsauth.core.edit.changes import Deduplicate, Repair
from awsauth.core.edit.merge import merge
from awsauth.core.lint.lint import fixes, lint

ARN = "arn:aws:iam::111122223333:role/ci"
USER = "arn:aws:iam::111122223333:user/al"
CI = (ARN, "ci", ("builders",))
AL = (USER, "al", ("builders",))


def entry(*lines: str) -> str:
    return "- " + "\n  ".join(lines) + "\n"


RIGHT = entry(f"rolearn: {ARN}", "username: ci", "groups:", "- builders")
BELOW = "- rolearn: arn:aws:iam::111122223333:role/x\n  username: x\n"

FIELDS = {
    "Terraform": (entry(f"role_arn: {ARN}", "username: ci", "group: builders"), "entry-dropped"),
    "eksctl": (entry(f"arn: {ARN}", "username: ci", "groups: [builders]"), "entry-dropped"),
    "dashes": (entry("user: ci", "groups: [builders]", f"role-arn: '{ARN}'"), "entry-dropped"),
    "CDK": (entry(f"iamRoleArn: {ARN}", "username: ci", "groups:", "- builders"), "entry-dropped"),
    "as a user": (entry(f"userarn: {ARN}", "username: ci", "groups: [builders]"), "entry-dropped"),
    "in braces": (f'- {{roleARN: "{ARN}", username: ci, "group": "builders"}}\n', "unknown-field"),
    "JSON": (f'[{{"role_arn": "{ARN}", "username": "ci", "groups": "builders"}}]', "wrong-type"),
    "group": (entry(f"rolearn: {ARN}", "username: ci", "group: builders"), "unknown-field"),
    "a list called group": (entry(f"rolearn: {ARN}", "username: ci", "group:", "- builders"), "unknown-field"),
    "a text": (entry(f"rolearn: {ARN}", "groups: builders", "username: ci"), "wrong-type"),
    "a text in quotes": (entry(f"rolearn: {ARN}", "username: ci", "groups: 'builders' # why"), "wrong-type"),
    "a text with an en dash": (entry(f"rolearn: {ARN}", "username: ci", "groups:", "  \u2013 builders"), "wrong-type"),
    "kubernetesGroups": (entry(f"rolearn: {ARN}", "username: ci", "kubernetesGroups: [builders]"), "unknown-field"),
    "quotes of a word processor": (entry(f"\u201crolearn\u201d: {ARN}", "username: ci", "groups: [builders]"), "entry-dropped"),
}  # fmt: skip
TEXTS = {
    "em dashes": RIGHT.replace("- ", "\u2014 "),
    "an en dash": BELOW + RIGHT.replace("- rolearn", "\u2013 rolearn"),
    "a bullet": RIGHT.replace("- rolearn", "\u2022 rolearn") + BELOW,
    "no-break spaces": RIGHT.replace("\n  username", "\n\xa0\xa0username"),
    "a no-break space behind the dash": BELOW + RIGHT.replace("- rolearn", "-\xa0rolearn"),
    "a full-width colon": RIGHT.replace("username:", "username\uff1a"),
    "a zero-width space": RIGHT.replace("  username", "\u200b  username"),
    "quotes": RIGHT.replace("- builders", "\u2014 \u201cbuilders\u201d"),
    "too far to the right": RIGHT.replace("\n  ", "\n    "),
    "one column too far": RIGHT.replace("\n  username", "\n   username"),
    "too far to the left": BELOW + RIGHT.replace("\n  username", "\nusername"),
    "all below too far to the left": RIGHT.replace("\n  ", "\n "),
    "the dash too far to the right": BELOW + RIGHT.replace("- rolearn", "  - rolearn"),
    "groups at the column of their field": f"- groups:\n- builders\nrolearn: {ARN}\nusername: ci\n",
    "groups at the column of their field, with an entry below": f"- groups:\n- builders\nrolearn: {ARN}\nusername: ci\n{BELOW}",
    "the same in several entries": RIGHT.replace("\n  ", "\n      ") * 2 + BELOW.replace("\n  ", "\n      "),
    "some lines of several entries": BELOW
    + "".join(f"- userid: {n}\n      username: ci\n      rolearn: {ARN}\n      groups: [builders]\n" for n in "ab"),
    "two mistakes": f"{BELOW}-groups:\n - builders\n  rolearn: {ARN}\n  username: ci\n",
    "two other mistakes": RIGHT.replace("- rolearn", "-rolearn").replace("\n  username", "\n   username"),
    "no blank behind the dash": BELOW + RIGHT.replace("- rolearn", "-rolearn"),
}
LEFT = {
    "as it should be": RIGHT,
    "both names": entry(f"rolearn: {ARN}", "username: ci", "groups: [builders]", "group: others"),
    "two aliases": entry(f"role_arn: {ARN}", f"arn: {ARN}-2", "username: ci"),
    "another field": entry(f"rolearn: {ARN}", "username: ci", "groups: [builders]", "owner: team-a"),
    "a note called name": entry(f"rolearn: {ARN}", "username: ci", "name: the pipeline"),
    "several groups in a text": entry(f"rolearn: {ARN}", "username: ci", "groups: builders, viewers"),
    "a number": entry(f"rolearn: {ARN}", "username: ci", "groups: 12"),
    "an anchor": entry(f"rolearn: {ARN}", "username: ci", "groups: &g builders"),
    "an arn of something else": entry(f"rolearn: {ARN}", "username: ci", "arn: not one"),
    "dashes in names": entry(f"rolearn: {ARN}", "username: 'a \u2014 b'", "groups: ['\u2014 c', \u201cd\u201d]"),
    "a comment": RIGHT + "# \u2014 rolearn: x\n",
    "in a block": entry(f"rolearn: {ARN}", "username: |-", "  \u2014 x"),
    "broken for good": "- rolearn: [\n",
    "brackets": RIGHT + "}\n",
    "the second of two lists": "---\n  - rolearn: arn:aws:iam::111122223333:role/x\n"
    + RIGHT.replace("- rolearn", "    - rolearn"),
    "groups at the column of their field, without an ARN": "- groups:\n- builders\nusername: ci\n",
    "a field without a dash": f"groups:\n     - builders\n     rolearn: {ARN}\n     username: ci\n",
    "an entry without a dash": f"{BELOW}  - builders\n  rolearn: {ARN}\n  username: ci\n",
    "lines of dots": f"{RIGHT}.\n.\n",
    "a placeholder in braces": entry("rolearn: {arn-aws}iam::111122223333:role/ci", "username: ci"),
    "below a text of several lines": entry(f"rolearn: {ARN}", "groups:", "- |+", "    kept", "")
    + "- rolearn: a:: #b\n",
}


def given(document: Document) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(role.role_arn, role.username, role.groups) for role in document.roles}


@pytest.mark.parametrize("case", FIELDS)
def test_a_field_under_another_name_is_told_as_it_should_be_and_repaired(case: str) -> None:
    text, code = FIELDS[case]
    document = Document({"mapRoles": text})
    [finding] = [one for one in lint(document) if one.code == code]
    assert finding.fix == (Repair(key="mapRoles"),)
    after = merge(document, finding.fix)
    assert given(after) == {CI}
    assert not [one for one in lint(after) if one.severity.value != "note"]
    right = [piece for piece in finding.hint.split("`")[1::2] if not piece.endswith(":")]
    assert all(piece.partition(": ")[2] in after.data["mapRoles"] for piece in right), finding.hint
    assert merge(after, finding.fix) == after


@pytest.mark.parametrize("case", TEXTS)
def test_a_text_that_cannot_be_read_is_told_with_the_line_as_it_should_be_and_repaired(case: str) -> None:
    text = TEXTS[case]
    document = Document({"mapRoles": text})
    [finding] = document.problems
    assert finding.fix == (Repair(key="mapRoles"),)
    assert finding.location
    after = merge(document, finding.fix)
    assert after.problems == ()
    assert CI in given(after)
    line = finding.hint.split("`")[1]
    assert line in after.data["mapRoles"].split("\n")[finding.location.line - 1]
    assert sorted("".join(after.data["mapRoles"].split())) or text


@pytest.mark.parametrize("case", LEFT)
def test_what_may_mean_something_else_is_left(case: str) -> None:
    document = Document({"mapRoles": LEFT[case]})
    assert fixes(document) == ()
    assert merge(document, [Repair(key="mapRoles")]) is document


def test_the_character_is_named() -> None:
    [finding] = Document({"mapRoles": TEXTS["em dashes"]}).problems
    assert "`\u2014` (U+2014 EM DASH) where `-` is meant" in finding.message


def test_users_are_repaired_likewise() -> None:
    text = entry(f"user_arn: {USER}", "user: al", "group: builders")
    document = Document({"mapUsers": text})
    [user] = merge(document, fixes(document)).users
    assert (user.user_arn, user.username, user.groups) == AL


def test_other_changes_follow_a_repair() -> None:
    """An ARN with a path, and groups that are a text, in one entry."""
    text = entry("rolearn: arn:aws:iam::111122223333:role/team/ci", "username: ci", "groups: builders") * 2
    after = merge(Document({"mapRoles": text}), fixes(Document({"mapRoles": text})))
    assert given(after) == {CI}


def test_fixes_of_entries_that_a_repair_makes_readable_are_made_with_it() -> None:
    """A second time there are none."""
    document = Document({"mapRoles": RIGHT + RIGHT.replace("- ", "\u2014 ")})
    changes = fixes(document)
    assert changes == (Repair(key="mapRoles"), Deduplicate(only_equal=True))
    after = merge(document, changes)
    assert (given(after), len(after.roles), fixes(after)) == ({CI}, 1, ())


def test_an_unrelated_line_stays_as_it_is() -> None:
    text = "# head\n" + FIELDS["Terraform"][0] + "\n\n# \u2014 tail\n" + BELOW
    after = merge(Document({"mapRoles": text}), [Repair(key="mapRoles")]).data["mapRoles"]
    assert after.splitlines()[0] == "# head"
    assert after.splitlines()[4:] == text.splitlines()[4:]
