"""What the command line says of itself is complete, true, and as somebody has read it."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

import click
import pytest

import awsauth
from awsauth import errors
from awsauth.cli.app import program
from awsauth.cli.command import CODES, MEANINGS, AwsAuthCommand, code_of
from awsauth.cli.errors import CALLS, OPTIONS, in_options
from awsauth.cli.invocation import Invocation
from awsauth.cli.output import Output
from tests.support import paths
from tests.support.command_line import NODE, commands, manifest_in, run
from tests.support.paths import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN: Final = paths.GOLDEN / "cli" / "help.txt"
COMMANDS: Final = commands()
IDS: Final = [" ".join(words) or "awsauth" for words, _ in COMMANDS]


def test_the_help_of_every_command_is_as_somebody_has_read_it() -> None:
    """``AWSAUTH_REGENERATE=1 pytest tests/cli/test_help.py`` writes it anew."""
    parts = []
    for words, _ in COMMANDS:
        done = run(*words, "--help", env={"COLUMNS": "80"})
        assert done.code == 0
        parts.append(f"$ {' '.join(['awsauth', *words, '--help'])}\n{done.out}")
    text = "\n".join(parts)
    if os.environ.get("AWSAUTH_REGENERATE"):
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_every_command_and_option_says_what_it_does(words: tuple[str, ...], command: click.Command) -> None:
    assert command.help, words
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, (words, param.name)


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_every_command_names_a_call_of_the_library_that_there_is(
    words: tuple[str, ...], command: click.Command
) -> None:
    if isinstance(command, click.Group) or words == ("completion",):
        return
    assert isinstance(command, AwsAuthCommand)
    calls = re.findall(r"\b(client|awsauth)\.(\w+)", command.library)
    assert calls
    for owner, name in calls:
        assert hasattr(awsauth if owner == "awsauth" else awsauth.AwsAuthClient, name), name


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_the_connection_is_said_the_same_way_everywhere(words: tuple[str, ...], command: click.Command) -> None:
    names = {name for param in command.params for name in param.opts}
    assert {"--cluster", "--file", "--context", "--as", "--policy", "--output", "--verbose"} <= names, words


def test_the_help_shows_no_connection_that_is_refused() -> None:
    shown = re.findall(r"^  (--[\w-]+)", run("recover", "--help").out.split("Connection:")[1], re.MULTILINE)
    assert shown[:3] == ["--cluster", "--region", "--profile"]
    assert not {"--assume-role", "--context", "--kubeconfig", "--file", "--as", "--as-group", "--policy"} & set(shown)


def test_a_group_lists_its_commands_in_the_order_of_their_use() -> None:
    listed = run("migrate", "--help").out.split("Commands:")[1].split("\n\n")[0]
    assert re.findall(r"^  (\w+)", listed, re.MULTILINE) == ["plan", "apply", "status", "finish", "undo"]


@pytest.mark.parametrize(("words", "group"), [one for one in COMMANDS if isinstance(one[1], click.Group)])
def test_a_group_offers_the_outputs_that_one_of_its_commands_has(words: tuple[str, ...], group: Any) -> None:
    found = (command.outputs for names, command in COMMANDS if names[: len(words)] == words != names)
    [offered] = (param.type.choices for param in group.params if param.name == "output")
    assert set(offered) == {name for outputs in found for name in outputs}


def test_what_is_to_be_copied_is_not_wrapped() -> None:
    line = "    awsauth completion bash > ~/.local/share/bash-completion/completions/awsauth\n"
    assert line in run("completion", "--help", env={"COLUMNS": "80"}).out


def test_the_overview_lists_every_command() -> None:
    listed = re.findall(r"^  ([\w-]+) ", program.get_help(click.Context(program)).split("Commands:")[1], re.MULTILINE)
    assert set(listed) >= {words[0] for words, _ in COMMANDS if words}


def subclasses(kind: type[Any]) -> set[type[Any]]:
    return {kind} | {found for one in kind.__subclasses__() for found in subclasses(one)}


def test_every_error_has_an_exit_code_of_its_own_choice() -> None:
    named = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AwsAuthError)}
    assert set(CODES) == named
    assert set(CODES.values()) <= set(MEANINGS)


@pytest.mark.parametrize("kind", sorted(subclasses(errors.AwsAuthError), key=str))
def test_every_error_that_there_is_gets_a_documented_code(kind: type[errors.AwsAuthError]) -> None:
    assert code_of(kind("It went wrong.")) in MEANINGS


def test_a_defect_is_no_difference_found() -> None:
    assert code_of(RuntimeError("?")) == 8


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pass allow=['last-admin', 'node-mapping=arn:x'].", "pass --allow last-admin --allow node-mapping=arn:x."),
        ('Pass if_mapped="replace" to', "Pass --if-mapped replace to"),
        ("Pass exact=True to go back", "Pass --exact to go back"),
        ("pass history=False to do without", "pass --no-history to do without"),
        ("Pass cluster= (with region=, assume_role=), or", "Pass --cluster (with --region, --assume-role), or"),
        ("Pass a profile=… of that account", "Pass a --profile … of that account"),
        ("Leave wait=, verify= and revert_after= out.", "Leave --wait, --verify and --revert-after out."),
        ("pass it as creator_role=…: it", "pass it as --creator-role …: it"),
        ('username `exact=True` and `file="\\x1b"`', 'username `exact=True` and `file="\\x1b"`'),
        ('`a` file="\\x" `b`', '`a` file="\\x" `b`'),
        ('`a` file="\\x1b" `b`', "`a` --file \"$(printf %b '\\0033')\" `b`"),
        ("`a` exact=[foo] history=[1] `b`", "`a` exact=[foo] history=[1] `b`"),
        ("username `a=b` and profiles=3", "username `a=b` and profiles=3"),
        ("allow=['it''s']", "--allow its"),
        ("by its name (cluster=, from_eks).", "by its name (--cluster)."),
        (
            "  take it out\nWhere nobody does: awsauth.recover().",
            "  take it out\nWhere nobody does: `awsauth recover`.",
        ),
        ("Run `chmod u+w reason=-health_check().yaml`.", "Run `chmod u+w reason=-health_check().yaml`."),
        ("pass allow=['explain() file=True'].", "pass --allow 'explain() file=True'."),
        ("Look again with health_check().", "Look again with `awsauth health`."),
        ("Remove it there first, with remove_user_mapping.", "Remove it there first, with `awsauth remove user`."),
        (
            'Pass region="a", or:\n  awsauth.add_role_mapping("arn", groups=["G"], cluster="c", region="a")',
            'Pass --region a, or:\n  awsauth.add_role_mapping("arn", groups=["G"], cluster="c", region="a")',
        ),
    ],
)
def test_arguments_of_the_library_are_shown_as_options(text: str, shown: str) -> None:
    assert in_options(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('Pass if_mapped="replace" to', 'Pass "if_mapped": "replace" in the change to'),
        ("See that it can be written, or pass history=False to do without one.", "See that it can be written."),
        ("Ask.\nOr pass history=False, to change it without a revision.", "Ask."),
        ("pass allow=['last-admin'].", "pass --allow last-admin."),
    ],
)
def test_options_that_the_command_does_not_have_are_not_advised(text: str, shown: str) -> None:
    with click.Context(dict(COMMANDS)[("rollback",)]):
        assert in_options(text) == shown


TARGETED: Final = [
    ("To restore, run `awsauth rollback --to 2`, which keeps.", "`awsauth rollback --to 2 --context 'my kind'`"),
    ("`health_check()` finds nothing; health_check() finds the reason.", "`awsauth health --context 'my kind'`"),
    ("Pass it:\n  awsauth add role x --username y", "  awsauth add role x --username y --context 'my kind'"),
    ("        Run `awsauth history`.", "`awsauth history --context 'my kind'`"),
    ("Run `awsauth history --cluster prod`.", "`awsauth history --cluster prod`"),
    ("Run `awsauth recover`.", "`awsauth recover`"),
    ("Run `awsauth nonsense`.", "`awsauth nonsense`"),
]


@pytest.mark.parametrize(("text", "shown"), TARGETED)
def test_a_command_in_a_hint_names_the_target_that_was_given(text: str, shown: str) -> None:
    with _for_target():
        assert shown in in_options(text)


def test_no_hint_of_an_error_leaves_the_target_out() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted((paths.GOLDEN / "errors").iterdir())]
    with _for_target():
        shown = [in_options(text) for text in [*texts, *(f"Use {call}." for call in CALLS)]]
    found = [command for text in shown for command in re.findall(r"`(awsauth [^`]*)`", text)]
    assert len(found) >= len(CALLS)
    assert [command for command in found if "--context 'my kind'" not in command] == ["awsauth recover"]


def _for_target() -> click.Context:
    invocation = Invocation("rollback", {"context": "my kind"}, "text", traceback=False, screen=Output())
    return click.Context(dict(COMMANDS)[("rollback",)], parent=click.Context(program), obj=invocation)


@pytest.mark.parametrize("words", CALLS.values())
def test_every_command_that_a_call_is_shown_as_is_one(words: str) -> None:
    assert tuple(words.split()) in dict(COMMANDS)


def test_every_option_that_an_argument_is_shown_as_is_one() -> None:
    offered = {name for _, command in COMMANDS for param in command.params for name in param.opts}
    shown = {option if option in offered else option.replace("--", "--no-", 1) for option in OPTIONS.values()}
    assert shown <= offered


def test_json_has_the_fields_that_the_reference_lists(tmp_path: Path) -> None:
    page = (
        (PROJECT / "docs" / "reference" / "json.md")
        .read_text(encoding="utf-8")
        .split("<!-- fields -->")[1]
        .split("\nA finding has")[0]
    )
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    listed = {
        name: set(re.findall(r"`([a-z_]+)`", re.sub(r"\(.*?\)", "", fields)))
        for names, fields in rows
        for name in re.findall(r"`([a-z-]+)`", names)
    }
    file, changes = str(manifest_in(tmp_path)), tmp_path / "changes.json"
    changes.write_text('[{"change": "EnsureAccount", "account": "012345678901"}]', encoding="utf-8")
    shown = {
        "get": ["get"],
        "add": ["add", "account", "012345678901", "--yes"],
        "remove": ["remove", "account", "012345678901", "--dry-run"],
        "apply": ["apply", str(changes), "--yes"],
        "rename": ["rename", NODE, "arn:aws:iam::968802670493:role/new", "--dry-run", "--allow", "node-mapping"],
        "rollback": ["rollback", "--to", "1", "--dry-run"],
        "snapshot": ["snapshot"],
        "who-can": ["who-can", "system:nodes"],
        "plan": ["plan", str(changes)],
        "explain": ["explain", NODE],
        "history": ["history"],
        "show": ["show", "1"],
        "diff": ["diff", "1"],
        "prune": ["prune", "--dry-run"],
    }
    assert listed.keys() == {words[0] for words, _ in COMMANDS if words} - {"completion", "export", "import", "init"}
    for name, args in shown.items():
        values = json.loads(run(*args, "--file", file, "-o", "json").out)
        assert values.keys() - {"version", "command", "target"} == listed[name], name
    checked = json.loads(run("check", "--file", file, "-o", "json").out)
    assert checked.keys() - {"version", "command", "target"} == {"findings"}
    assert all("file" in found for found in checked["findings"])
    formatted = json.loads(run("fmt", "--check", "--file", file, "-o", "json").out)
    assert formatted.keys() - {"version", "command", "target"} == {"changed", "reasons"}
    error = json.loads(run("show", "99", "--file", file, "-o", "json").out)
    assert set(error) == {"version", "command", "target", "error"}
    assert all(f"`{field}`" in page for field in error["error"])
