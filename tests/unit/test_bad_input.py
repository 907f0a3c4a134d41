"""Bad input: a clear error of the right kind, or findings, in bounded time, and nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.core.document.document import MAX_BYTES, Document
from awsauth.core.edit import changes as c
from awsauth.core.edit.changes import changes_from_json
from awsauth.core.edit.merge import merge
from awsauth.errors import AwsAuthError, EditError, InvalidValueError, UsageError
from tests.support.bounded import bounded

if TYPE_CHECKING:
    from collections.abc import Callable

ROLE: Final = "arn:aws:iam::111122223333:role/ci"
ENTRY: Final = f"- rolearn: {ROLE}\n  username: ci\n  groups:\n  - view\n"
ENSURE: Final = c.EnsureRole(role_arn="arn:aws:iam::111122223333:role/new", username="new", groups=["view"])
MANY: Final = 10_000
ALIAS_BOMB: Final = "".join(
    f"{'- ' if level == 0 else '  '}a{level}: &a{level} [{', '.join([f'*a{level - 1}' if level else 'x'] * 9)}]\n"
    for level in range(12)
)


def is_refused_or_done(text: str, key: str = "mapRoles") -> bool:
    """Add a role to a text, in bounded time: True when that worked, False when it was refused and nothing changed."""
    document = Document({key: text})
    with bounded():
        try:
            after = merge(document, [ENSURE])
        except EditError as error:
            assert document.problems or "plain list" in str(error) or "without changing something else" in str(error)
            assert error.changed is False
            assert document.data == {key: text}
            return False
        assert len(after.roles) == len(document.roles) + 1
        return True


def test_two_mebibytes_of_entries() -> None:
    """More than a ConfigMap can hold: read and edited all the same; the store says that it is too large."""
    assert is_refused_or_done(ENTRY * (2 * 2**20 // len(ENTRY)))


@pytest.mark.parametrize("unit", ["x", "x: y\n", "- x\n" * 50 + "- [\n", "\n", "#\n", "[]", "'", "\r\n", "é"])
def test_the_largest_text_of_anything(unit: str) -> None:
    """Whatever it is, the answer comes."""
    text = unit * (MAX_BYTES // len(unit.encode()) if len(unit) < 10 else 50)
    is_refused_or_done(text)


@pytest.mark.parametrize("unit", ["[", "{", "[[", "- [", "{a: ", "{[", "- {a: [", "[{}, "])
def test_ten_thousand_brackets(unit: str) -> None:
    """Nested deeper than anybody writes: not trusted, or not readable, before libyaml spends its time on it."""
    text = unit * 10_000
    assert not is_refused_or_done(text)
    document = Document({"mapRoles": text, "mapUsers": "- userarn: arn:aws:iam::111122223333:user/a\n"})
    assert {finding.code for finding in document.problems} <= {"untrusted", "unreadable", "not-a-list"}
    assert document.users


@pytest.mark.parametrize("unit", ["- ", "? ", "-\t", ": ", "a: "])
def test_deep_blocks(unit: str) -> None:
    """Nesting without brackets, on one line and by indentation."""
    assert not is_refused_or_done(unit * 10_000)
    assert not is_refused_or_done("".join(f"{' ' * level}a:\n" for level in range(2_000)))


def test_alias_bomb() -> None:
    """Twelve lines that stand for 9 to the 12th values: never unfolded."""
    is_refused_or_done(ALIAS_BOMB)
    with bounded():
        document = Document({"mapRoles": ALIAS_BOMB, "mapUsers": ALIAS_BOMB, "mapAccounts": ALIAS_BOMB})
        assert document.problems
        assert not document.roles


def test_merge_key_bomb() -> None:
    """Mappings that merge all earlier ones, twice each."""
    bomb = "".join(
        f"- &a{level}\n  k{level}: 1\n  <<: [{f'*a{level - 1}, *a{level - 1}' if level else '{x: y}'}]\n"
        for level in range(40)
    )
    with bounded():
        assert Document({"mapRoles": bomb}).problems


def test_alias_to_itself() -> None:
    """A value inside itself is an error, not a loop."""
    assert not is_refused_or_done("- &a\n  rolearn: x\n  groups: *a\n")
    assert not is_refused_or_done("&a\n- *a\n")


@pytest.mark.parametrize("character", ["\0", "\x01", "\x1b", "\x7f", "\ufffe", "\ud800"])
@pytest.mark.parametrize("location", ["start", "value", "comment", "end"])
def test_characters_that_yaml_forbids(character: str, location: str) -> None:
    """The finding says which line, and shows the character without sending it to the terminal."""
    text = {
        "start": character + ENTRY,
        "value": ENTRY.replace("username: ci", f"username: c{character}i"),
        "comment": f"{ENTRY}# a {character}\n",
        "end": ENTRY + character,
    }[location]
    assert not is_refused_or_done(text)
    (finding,) = Document({"mapRoles": text}).problems
    assert finding.location is not None
    assert character not in str(finding)


@pytest.mark.parametrize("gap", ["\n", "# c\n", "   \n", "\r\n"])
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("", ""),
        ("", "x"),
        ("", ENTRY),
        ("", "[]\n"),
        ("", "["),
        (ENTRY, ""),
        (ENTRY, "x"),
        (ENTRY, ENTRY),
        ("[", "]"),
        ("[", "x"),
        ("[]", "\n"),
        ("[]\n", "x"),
        (f"- rolearn: {ROLE}\n", "  username: ci\n"),
        (f"- rolearn: {ROLE}\n", "  username: 12\n"),
        (f"- rolearn: {ROLE}\n  groups:\n", "  - 12\n"),
        (f"- rolearn: {ROLE}\n  groups:\n  - a\n", "  - 12\n"),
        ('[{"rolearn":"a"}', "]"),
        ('[{"rolearn":"a",', "x"),
        ("---\n", "- "),
    ],
)
def test_many_blank_and_comment_lines(gap: str, before: str, behind: str) -> None:
    """Wherever they stand, and whether what follows them is right or wrong."""
    is_refused_or_done(before + gap * MANY + behind)


@pytest.mark.parametrize(
    "line",
    [
        "- rolearn: {}\n", "- rolearn: {}:\n", "- rolearn: {}\u00e9\n", '- rolearn: "{}\n', "- rolearn: '{}\n", "# {}\n", "{}",
        "- rolearn: x\n  groups: [{}\n", "- rolearn: x\n  groups: [{}]\n", "- {}: x\n", "- rolearn: x # {}\n", "[{}", "[]{}",
        "- rolearn: x\n  {}", '[{{"rolearn":"{}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("filling", ["a", " ", "a:", "a,", "a ", "''", "\\/", " #", "{{"])
def test_very_long_lines(line: str, filling: str) -> None:
    """One line of hundreds of thousands of characters of any kind."""
    is_refused_or_done(line.format(filling * MANY))


@pytest.mark.parametrize("count", [MANY])
def test_entry_with_very_many_groups(count: int) -> None:
    """In lines and in brackets, readable or not at the very end."""
    for end in ("", "  - 12\n", "x"):
        is_refused_or_done(f"- rolearn: {ROLE}\n  groups:\n" + "  - a\n" * count + end)
    for close in ("]\n", "\n"):
        is_refused_or_done(f"- rolearn: {ROLE}\n  groups: [" + "a, " * count + close)


def test_many_problems() -> None:
    """Thousands of dropped entries: each is found, and told on a line of its own."""
    with bounded():
        problems = Document({"mapRoles": "- username: nobody\n" * 10_000}).problems
        assert len(problems) == 10_000
        assert problems[-1].location is not None
        assert problems[-1].location.line == 10_000


@pytest.mark.parametrize(
    ("text", "code", "mapped"),
    [
        ("- rolearn: [a]\n  username: u\n", "wrong-type", 0),
        (f"- rolearn: {ROLE}\n  username: [a]\n", "wrong-type", 1),
        (f"- rolearn: {ROLE}\n  groups: view\n", "wrong-type", 1),
        (f"- rolearn: {ROLE}\n  groups: [[view]]\n", "wrong-type", 1),
        ("- [a]\n", "", 0),
        ("a: b\n", "not-a-list", 0),
        ("just words\n", "not-a-list", 0),
        ("12\n", "not-a-list", 0),
    ],
)
def test_values_of_another_type(text: str, code: str, mapped: int) -> None:
    """A list where a text is expected, and the like: findings with their place, never a crash."""
    document = Document({"mapRoles": text})
    assert document.problems
    assert len(document.roles) == mapped
    assert not code or code in {problem.code for problem in document.problems}
    assert all(problem.location is not None and problem.hint for problem in document.problems)


@pytest.mark.parametrize("data", [{"mapRoles": None}, {"mapRoles": []}, {"mapRoles": b"[]"}, {1: "x"}])
def test_data_that_is_no_text(data: Any) -> None:
    """A ConfigMap's data is text by text; anything else is a TypeError that says so."""
    with pytest.raises(TypeError, match="Pass text for every key"):
        Document(data)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (
            lambda: c.EnsureRole(role_arn="arn:aws:iam::111122223333:role/" + "a" * 10_240, username="u"),
            InvalidValueError,
        ),
        (
            lambda: c.EnsureUser(user_arn="arn:aws:iam::111122223333:user/" + "a/" * 5_000 + "a", username="u"),
            InvalidValueError,
        ),
        (lambda: c.EnsureRole(role_arn="a" * 10_240, username="u"), InvalidValueError),
        (lambda: c.EnsureRole(role_arn=ROLE, username="u", groups=["a\nb"]), InvalidValueError),
        (lambda: c.EnsureRole(role_arn=ROLE, username="u\n- rolearn: evil"), InvalidValueError),
        (lambda: c.EnsureRole(role_arn=ROLE, username="\ud800"), InvalidValueError),
        (lambda: c.EnsureRole(role_arn=ROLE, username="u", groups=["\udfff"]), InvalidValueError),
        (lambda: c.EnsureRole(role_arn=ROLE, username="u", groups=["\0"]), InvalidValueError),
        (lambda: c.EnsureRole(role_arn=ROLE, username=""), InvalidValueError),
        (lambda: c.EnsureAccount(account="12345678901"), InvalidValueError),
        (lambda: c.EnsureAccount(account="x" * 10_000), InvalidValueError),
        (lambda: c.EnsureAccount(account=123456789012), UsageError),  # type: ignore[arg-type]
        (lambda: c.EnsureRole(role_arn=[ROLE], username="u"), UsageError),  # type: ignore[arg-type]
        (lambda: c.EnsureRole(role_arn=ROLE, username="u", groups="view"), UsageError),
        (
            lambda: changes_from_json([{"change": "EnsureRole", "role_arn": ROLE, "username": "a\nb"}]),
            InvalidValueError,
        ),
    ],
)
def test_values_that_may_not_be_written(call: Callable[[], object], kind: type[AwsAuthError]) -> None:
    """Refused before anything is read, in a message that fits a screen and steers no terminal."""
    with bounded(), pytest.raises(AwsAuthError) as caught:
        call()
    assert type(caught.value) is kind
    assert len(str(caught.value)) < 1_000
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
