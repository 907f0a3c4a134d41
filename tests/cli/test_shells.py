"""Hostile names in real shells: what the tab key inserts there is one argument, and nothing runs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.core.goyaml.scalars import write_scalar
from tests.support.command_line import Terminal, manifest_in
from tests.support.missing import skip_but_in_ci

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES: Final = (
    "zz;touch${IFS}ran;#",
    "alice$(touch ran)`touch ran`",
    'it\'s "ours", a\\b {1..3}',
    "star*[ab]? {f,g} !x !!",
    "<in>|x&y (z)",
    "~root",
    "käte 系",
    "mail@example.com=a:b",
    "=ls",
)
"""Each begins with a character of its own, for the tab key to find it by."""

SETUP: Final = {
    "bash": """
source <(awsauth completion bash)
awsauth() {{ printf '%s\\0' "$@" > {folder}/part; mv {folder}/part {folder}/args; }}
bind 'set bell-style none'
PS1='read''y> '
""",
    "zsh": """
autoload -Uz compinit
compinit -D -u
source <(awsauth completion zsh)
awsauth() {{ printf '%s\\0' "$@" > {folder}/part; mv {folder}/part {folder}/args }}
PS1='read''y> '
""",
    "fish": """
set -g fish_autosuggestion_enabled 0
awsauth completion fish | source
function awsauth; string join0 -- $argv > {folder}/part; mv {folder}/part {folder}/args; end
function fish_prompt; echo 'read''y> '; end
function fish_greeting; end
""",
}
"""The completion, and a function in the place of the program, that keeps its arguments."""


class Shell:
    """An interactive shell on a terminal of its own, in an empty folder."""

    def __init__(self, name: str, folder: Path) -> None:
        found = shutil.which(name)
        if found is None:
            skip_but_in_ci(f"{name} is not installed here")
        self.name = name
        self.folder = folder
        file = {"bash": "rc", "zsh": ".zshrc", "fish": "fish/config.fish"}[name]
        # Without this folder, fish would make it from all pages of the manual, in a process of its own.
        (folder / "fish" / "generated_completions").mkdir(parents=True)
        (folder / file).write_text(SETUP[name].format(folder=folder), encoding="utf-8")
        places = dict.fromkeys(("HOME", "ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "PWD"), str(folder))
        arguments = ["--noprofile", "--rcfile", str(folder / file), "-i"] if name == "bash" else ["-i"]
        variables = {**places, "LC_ALL": "C.UTF-8", "HISTFILE": "", "TERM": "xterm"}
        self.terminal = Terminal(*arguments, env=variables, executable=found)
        self.terminal.wait_for("ready> ")
        self.arguments(f"cd {folder}; awsauth here\n")

    def arguments(self, typed: str) -> list[str]:
        """Type a line, and return the arguments that the program gets by it."""
        self.terminal.type(typed)
        self.terminal.read_until((self.folder / "args").exists)
        kept = (self.folder / "args").read_text(encoding="utf-8")
        (self.folder / "args").unlink()
        return kept.split("\0")[:-1]


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    folder = tmp_path / "home"
    folder.mkdir()
    started = Shell(request.param, folder)
    yield started
    started.terminal.type("exit\n")
    started.terminal.end()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest with a role for each name."""
    entries = [
        f"- rolearn: arn:aws:iam::111122223333:role/r{number}\n  username: {write_scalar(name, 'single')}\n"
        for number, name in enumerate(NAMES)
    ]
    return manifest_in(tmp_path, mapRoles="".join(entries))


def test_what_the_tab_key_inserts_is_one_argument(shell: Shell, manifest: Path) -> None:
    got = []
    for name in NAMES:
        typed = f"\\{name[:2]}" if name[0] in "<~=" else name[0]
        *before, last = shell.arguments(f"awsauth remove --file {manifest} --username {typed}\t\n")
        assert before == ["remove", "--file", str(manifest), "--username"]
        got.append(last)
    assert got == list(NAMES)
    assert not (shell.folder / "ran").exists()


def test_inside_quotes_and_words_a_name_is_completed_only_where_it_can_be_quoted(shell: Shell, manifest: Path) -> None:
    line = f"awsauth remove --file {manifest} --username"
    for typed in ("mail@exa", "'mail@example.com=a:", '"käte', "'alice"):
        *_, last = shell.arguments(f"{line} {typed}\t\n")
        assert last in NAMES, typed
    *_, last = shell.arguments(f"{line}=mail@\t\n")
    assert last == f"--username={NAMES[-2]}"
    for typed in ('"alice', "'it", '"zz'):
        shell.terminal.type(f"{line} {typed}\t")
        # bash does not quote by itself: nothing is inserted, and the quote is still open.
        *_, last = shell.arguments(f"{typed[0]}\n" if shell.name == "bash" else "\n")
        assert last == typed[1:] if shell.name == "bash" else last in NAMES
    assert not (shell.folder / "ran").exists()
