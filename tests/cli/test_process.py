"""The program as it is started: by its names, in pipes, on a terminal, with an editor."""

from __future__ import annotations

import json
import os
import shlex
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole
from tests.support.command_line import (
    ADD,
    NODE,
    PROGRAM,
    ROLE,
    Terminal,
    environment,
    interrupt,
    interruptible,
    manifest_in,
    process,
    run,
)
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(manifest_in(tmp_path))


def test_it_starts_under_both_names(file: str) -> None:
    assert process("get", "--file", file).out.count(NODE) == 1
    plugin = subprocess.run(
        [PROGRAM.with_name("kubectl-awsauth"), "get", "--help"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert plugin.stdout.startswith("Usage: kubectl awsauth get ")


@pytest.mark.parametrize(
    ("args", "unwanted"),
    [
        (
            ["--help"],
            {"awsauth.client", "awsauth.core.document.document", "pydantic", "rich", "yaml", "kubernetes", "boto3"}
            | {"pathlib"},
        ),
        (
            ["get", "--file", "aws-auth.yaml"],
            {"pydantic", "rich", "yaml", "kubernetes", "boto3", "botocore", "urllib3", "base64"}
            | {"awsauth.apply", "awsauth.cli.confirm", "awsauth.cli.errors", "awsauth.core.diff", "awsauth.core.guards"}
            | {"awsauth.core.edit.merge", "awsauth.core.explain", "awsauth.history", "awsauth.core.access.caller"}
            | {"awsauth.core.edit.changes", "awsauth.core.entries", "hashlib", "pathlib", "shutil", "textwrap"},
        ),
        ([*ADD, "--file", "aws-auth.yaml", "--dry-run"], {"pydantic", "rich", "kubernetes", "boto3", "botocore"}),
    ],
)
def test_it_loads_no_more_than_it_needs(tmp_path: Path, args: list[str], unwanted: set[str]) -> None:
    manifest_in(tmp_path)
    code = (
        "import json, sys; from awsauth.cli.app import program\n"
        "try: program.main(sys.argv[1:])\n"
        "except SystemExit as end: print(json.dumps([end.code, sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    exit_code, loaded = json.loads(done.stdout.splitlines()[-1])
    assert exit_code == 0
    assert unwanted & set(loaded) == set()


@pytest.mark.parametrize("args", [["get"], ["--help"], ["get", "-o", "json"], [*ADD, "-y"]])
def test_a_reader_that_goes_away_is_no_error(file: str, args: list[str]) -> None:
    with subprocess.Popen(
        [PROGRAM, "--file", file, *args], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(PATIENCE) == 141


def test_a_closed_standard_input_is_nobody_to_ask(file: str) -> None:
    assert process(*ADD, "--file", file).code == 2


@pytest.mark.parametrize("args", [["get"], ["--help"], ["get", "-o", "json"], [*ADD, "-y"], [*ADD, "-y", "-o", "json"]])
def test_output_that_cannot_be_written_is_told(file: str, args: list[str]) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [PROGRAM, "--file", file, *args],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 8
    assert done.stderr.startswith("error: The output cannot be written: ")
    assert "Traceback" not in done.stderr
    # As text, the difference is shown before anything is done.
    assert (ROLE in Path(file).read_text(encoding="utf-8")) == ("role" in args and "json" in args)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_as_if_nobody_was_there(file: str, closed: str) -> None:
    command = f"exec {PROGRAM} {' '.join(ADD)} --yes --file {file} {closed}"
    done = subprocess.run(["/bin/sh", "-c", command], env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert ROLE in Path(file).read_text(encoding="utf-8")


def test_what_the_encoding_has_not_is_escaped(tmp_path: Path) -> None:
    path = manifest_in(tmp_path, mapRoles=f"- rolearn: {ROLE}\n  username: Łukasz\n")
    done = process("get", "--file", str(path), env={"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"})
    assert (done.code, r"\u0141ukasz" in done.out) == (0, True)


def test_on_a_terminal_it_asks(file: str) -> None:
    before = Path(file).read_bytes()
    terminal = Terminal(*ADD, "--file", file)
    shown = terminal.wait_for(f"Make this change to aws-auth in {file}? [y/N]")
    assert "+ role" in shown
    assert Path(file).read_bytes() == before
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "it is revision 2" in " ".join(terminal.shown.split())
    assert Path(file).read_bytes() != before


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("\x03", 130), ("\x04", 130)])
def test_without_a_yes_nothing_is_changed(file: str, answer: str, code: int) -> None:
    before = Path(file).read_bytes()
    terminal = Terminal(*ADD, "--file", file)
    terminal.wait_for("[y/N]")
    if answer == "\x03":
        terminal.interrupt()
    else:
        terminal.type(answer)
    assert terminal.end() == code, terminal.shown
    assert "Traceback" not in terminal.shown
    assert Path(file).read_bytes() == before


def test_when_the_outcome_has_changed_it_is_shown_and_asked_again(file: str) -> None:
    terminal = Terminal(*ADD, "--file", file)
    terminal.wait_for("[y/N]")
    others = AwsAuthClient.from_file(file, author="somebody else")
    others.apply(EnsureRole(role_arn=ROLE, username="admin", groups=["viewers"]))
    terminal.type("y\n")
    terminal.wait_for("The change would now be:")
    assert AwsAuthClient.from_file(file).read().roles[1].groups == ("viewers",)
    terminal.wait_for("[y/N]", after="The change would now be:")
    before, _, now = terminal.shown.partition("The change would now be:")
    assert "into group system:masters" in now
    assert "into group system:masters" not in before
    terminal.type("y\n")
    assert terminal.end() == 0
    assert AwsAuthClient.from_file(file).read().roles[1].groups == ("viewers", "system:masters")


def test_a_rollback_is_asked_again_too(file: str) -> None:
    client = AwsAuthClient.from_file(file)
    client.apply(EnsureRole(role_arn=ROLE, username="ci", groups=["builders"]))
    terminal = Terminal("rollback", "--file", file)
    terminal.wait_for("[y/N]")
    client.apply(EnsureRole(role_arn=f"{ROLE}-2", username="ci", groups=["builders"]))
    terminal.type("y\n")
    terminal.wait_for("The change would now be:")
    terminal.type("n\n")
    assert terminal.end() == 1
    assert len(client.read().roles) == 3


def test_columns_fit_the_terminal(file: str) -> None:
    terminal = Terminal("get", "--file", file, columns=60)
    assert terminal.end() == 0
    lines = terminal.shown.replace("\r", "").splitlines()
    assert lines == [
        f"role  {NODE}",
        "  username: system:node:{{EC2PrivateDNSName}}",
        "  groups: system:bootstrappers, system:nodes",
        "  notes: node",
    ]


def test_nothing_breaks_inside_a_word(tmp_path: Path) -> None:
    """What is printed for people at 80 columns has the words of what is printed in a pipe."""
    entry = "- rolearn: {}\n  username: x\n  groups: [system:masters, {}]\n"
    text = "".join(entry.format(f"{ROLE}-{number}", "team-with-a-long-name-" * 2) for number in range(3)) * 2
    path = str(manifest_in(tmp_path, mapRoles=text))
    for args in (
        ["check"],
        ["get"],
        ["explain", f"{ROLE}-1"],
        [*ADD, "--dry-run"],
        ["remove", "role", f"{ROLE}-0", "--dry-run"],
    ):
        terminal = Terminal(*args, "--file", path, columns=80, env={"NO_COLOR": "1"})
        terminal.end()
        piped = run(*args, "--file", path)
        broken = set(terminal.shown.split()) - set((piped.out + piped.err).split())
        assert {word for word in broken if not word.endswith(":")} == set(), args
        prose = [line for line in terminal.shown.splitlines() if not line.startswith((" ", "-", "+", "where"))]
        assert [line for line in prose if len(line) > 80 and len(line.split()) > 3] == [], args


def test_colours_are_for_terminals_that_want_them(file: str) -> None:
    coloured = Terminal(*ADD, "--file", file, "--dry-run")
    assert coloured.end() == 0
    assert "\x1b[32m+ role" in coloured.shown
    for args, env in (([], {"NO_COLOR": "1"}), (["--no-color"], {}), ([], {"TERM": "dumb"})):
        plain = Terminal(*ADD, "--file", file, "--dry-run", *args, env=env)
        assert plain.end() == 0
        assert "\x1b[3" not in plain.shown
    assert "\x1b" not in process(*ADD, "--file", file, "--dry-run").out


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """Yield a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        yield server


@pytest.fixture
def silent_cluster(tmp_path: Path, silent_server: socket.socket) -> tuple[str, ...]:
    """Return the options that lead to that server."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": "it", "cluster": {"server": f"http://127.0.0.1:{silent_server.getsockname()[1]}"}}
                ],
                "contexts": [{"name": "silent", "context": {"cluster": "it", "user": "it"}}],
                "users": [{"name": "it", "user": {"token": "t"}}],
            }
        ),
        encoding="utf-8",
    )
    return "--kubeconfig", str(kubeconfig), "--context", "silent"


def test_on_a_terminal_it_says_what_it_waits_for_and_can_be_interrupted(silent_cluster: tuple[str, ...]) -> None:
    terminal = Terminal("get", *silent_cluster)
    terminal.wait_for("Waiting for context silent (1 s)")
    terminal.interrupt()
    assert terminal.end() == 130


def test_in_pipes_it_waits_silently_and_can_be_interrupted(
    silent_cluster: tuple[str, ...], silent_server: socket.socket
) -> None:
    with interruptible():
        running = subprocess.Popen(
            [PROGRAM, "get", *silent_cluster],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    connection, _ = silent_server.accept()
    with connection:
        assert connection.recv(4096).startswith(b"GET /api/v1/namespaces/kube-system/configmaps/aws-auth ")
        assert interrupt(running) == ("", "\nInterrupted. Nothing was changed.\n")
    assert running.returncode == 130


def test_an_interrupt_while_the_program_is_loaded_ends_it_too() -> None:
    code = (
        "import sys, types; from awsauth.cli import main\n"
        "def interrupted(name): raise KeyboardInterrupt\n"
        "sys.modules['awsauth.cli.app'] = module = types.ModuleType('app'); module.__getattr__ = interrupted\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nInterrupted.\n")


class Editor:
    """An editor that makes these replacements, the first ones when it is opened first, and keeps what it was given."""

    def __init__(self, folder: Path, *sessions: dict[str, str] | None) -> None:
        self.folder = folder / "editor"
        self.folder.mkdir()
        self.command = self.folder / "edit"
        self.command.write_text(
            f"#!{sys.executable}\n"
            "import json, pathlib, sys\n"
            f"folder = pathlib.Path({str(self.folder)!r})\n"
            "count = len(list(folder.glob('seen-*')))\n"
            "file = pathlib.Path(sys.argv[-1])\n"
            "text = file.read_text()\n"
            "(folder / f'seen-{count}').write_text(text)\n"
            f"sessions = json.loads({json.dumps(json.dumps(sessions))})\n"
            "changes = sessions[min(count, len(sessions) - 1)]\n"
            "for old, new in (changes or {}).items():\n"
            "    assert old in text, (old, text)\n"
            "    text = text.replace(old, new)\n"
            "if changes is not None: file.write_text(text)\n",
            encoding="utf-8",
        )
        self.command.chmod(stat.S_IRWXU)

    @property
    def env(self) -> dict[str, str]:
        return {"EDITOR": str(self.command), "VISUAL": "", "TMPDIR": str(self.folder)}

    @property
    def seen(self) -> list[str]:
        return [path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("seen-*"))]

    @property
    def left(self) -> list[Path]:
        return list(self.folder.glob("awsauth-*/*"))


def test_what_is_edited_is_shown_and_written(file: str, tmp_path: Path) -> None:
    editor = Editor(tmp_path, {"mapUsers: |\n    []": f"mapUsers: |\n    - userarn: {USER}\n      username: alice"})
    terminal = Terminal("edit", "--file", file, env=editor.env)
    terminal.wait_for("[y/N]")
    terminal.type("y\n")
    assert terminal.end() == 0, terminal.shown
    assert [user.user_arn for user in AwsAuthClient.from_file(file).read().users] == [USER]
    assert editor.left == []


USER = "arn:aws:iam::968802670493:user/alice"


def test_what_cannot_be_read_comes_back_with_the_reason_at_its_line(file: str, tmp_path: Path) -> None:
    before = Path(file).read_bytes()
    editor = Editor(tmp_path, {"- system:nodes": "- yes"}, {"- yes": "- system:nodes"})
    terminal = Terminal("edit", "--yes", "--file", file, env=editor.env)
    terminal.wait_for("Open the editor again? [Y/n]")
    assert "wrong-type: mapRoles line 13" in terminal.shown
    assert len(editor.seen) == 1
    terminal.type("\n")
    assert terminal.end() == 0, terminal.shown
    assert "No change to" in terminal.shown
    lines = editor.seen[1].splitlines()
    at = lines.index("      - yes")
    assert lines[at - 1].startswith("#! error wrong-type: mapRoles line 13")
    assert Path(file).read_bytes() == before


def test_what_a_guard_refuses_comes_back(file: str, tmp_path: Path) -> None:
    before = Path(file).read_bytes()
    editor = Editor(tmp_path, {"- system:nodes": "- system:other"}, None)
    terminal = Terminal("edit", "--yes", "--file", file, env=editor.env, columns=400)
    terminal.wait_for("Open the editor again? [Y/n]")
    terminal.type("y\n")
    terminal.wait_for("Open the editor again? [Y/n]", after="[Y/n]: y")
    terminal.type("n\n")
    assert terminal.end() == 3
    assert editor.seen[1].startswith("#! The change is refused for one reason")
    assert f"--allow node-mapping={NODE}" in editor.seen[1]
    assert Path(file).read_bytes() == before
    assert str(editor.left[0]) in terminal.shown
    assert "- system:other" in editor.left[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("session", [None, {"apiVersion": "apiVersion"}])
def test_leaving_the_editor_without_a_change_is_no_change(
    file: str, tmp_path: Path, session: dict[str, str] | None
) -> None:
    editor = Editor(tmp_path, session)
    done = process("edit", "--yes", "--file", file, env=editor.env)
    assert (done.code, done.out) == (0, f"No change to aws-auth in {file}.\n")
    assert editor.left == []


def test_a_text_that_was_kept_can_be_given_back(file: str, tmp_path: Path) -> None:
    editor = Editor(
        tmp_path, {"mapUsers: |\n    []": f"mapUsers: |\n    - userarn: {USER}\n      usrname: alice\n     x"}
    )
    done = process("edit", "--yes", "--file", file, env=editor.env)
    assert (done.code, "\nNothing was changed.\n" in done.err, len(editor.seen)) == (8, True, 1), done
    kept = editor.left[0]
    line = done.err.partition("To use it: ")[2].splitlines()[0]
    assert shlex.split(line) == ["awsauth", "edit", "--from", str(kept), "--file", file]
    assert run("edit", "--from", str(kept), "--yes", "--file", file).code == 8
    text = kept.read_text(encoding="utf-8")
    kept.write_text(text.replace("usrname: alice\n     x", "username: alice"), encoding="utf-8")
    assert run("edit", "--from", str(kept), "--yes", "--file", file).code == 0
    assert [user.user_arn for user in AwsAuthClient.from_file(file).read().users] == [USER]
    again = run("edit", "--from", str(kept), "--yes", "--file", file)
    assert (again.code, "has changed since this text was made" in again.err) == (6, True), again


def test_a_change_by_others_meanwhile_is_not_taken_back(file: str, tmp_path: Path) -> None:
    editor = Editor(tmp_path, {"- system:nodes\n": "- system:nodes\n      - extra\n"})
    terminal = Terminal("edit", "--file", file, env=editor.env)
    terminal.wait_for("[y/N]")
    AwsAuthClient.from_file(file).apply(EnsureRole(role_arn=ROLE, username="x"))
    terminal.type("y\n")
    assert terminal.end() == 6
    document = AwsAuthClient.from_file(file).read()
    assert [role.role_arn for role in document.roles] == [NODE, ROLE]
    assert "extra" not in document.roles[0].groups
    assert str(editor.left[0]) in terminal.shown.replace("\r\n", "")


def test_what_others_add_while_the_editor_is_open_is_not_taken_back(file: str, tmp_path: Path) -> None:
    other = f"{ROLE}-other"
    script = tmp_path / "editor"
    add = f"{PROGRAM} add role {other} --username other --yes --file {file} >&2"
    script.write_text(f"#!/bin/sh\n{add}\nsed -i 's/username: system/username: x-system/' \"$1\"\n", encoding="utf-8")
    script.chmod(0o755)
    environ = {"EDITOR": str(script), "VISUAL": "", "TMPDIR": str(tmp_path)}
    done = process("edit", "--yes", "--file", file, "--allow", "node-mapping", env=environ)
    assert (done.code, "while you were editing.\nNothing was changed.\n" in done.err) == (6, True), done
    assert other in Path(file).read_text(encoding="utf-8")
    assert "Your text is in" in done.err


@pytest.mark.parametrize(("command", "code"), [("/nonexistent/editor", 2), ("false", 8)])
def test_an_editor_that_fails_changes_nothing(file: str, command: str, code: int) -> None:
    before = Path(file).read_bytes()
    assert process("edit", "--yes", "--file", file, env={"EDITOR": command, "VISUAL": ""}).code == code
    assert Path(file).read_bytes() == before
    assert os.environ.get("EDITOR") != command


@pytest.mark.parametrize(
    ("saving", "problem"),
    [("truncate -s 3G", "it is larger than 16 MiB"), ("printf '\\377' >>", "it is not UTF-8 text")],
)
def test_a_saved_file_that_cannot_be_read_is_kept_and_named(
    file: str, tmp_path: Path, saving: str, problem: str
) -> None:
    before = Path(file).read_bytes()
    script = tmp_path / "editor"
    script.write_text(f'#!/bin/sh\n{saving} "$1"\n', encoding="utf-8")
    script.chmod(0o755)
    done = process("edit", "--yes", "--file", file, env={"EDITOR": str(script), "VISUAL": "", "TMPDIR": str(tmp_path)})
    (kept,) = tmp_path.glob("awsauth-*/*")
    said = f"The saved file cannot be read: {problem}.\nNothing was changed.\n"
    assert (done.code, said in done.err) == (8, True), done
    assert f"Your text is in {kept}\n" in done.err
    assert Path(file).read_bytes() == before


def test_an_editor_that_is_a_script_runs_once(file: str, tmp_path: Path) -> None:
    """A script never corrects its text, and one that adds a line each time never repeats it."""
    before = Path(file).read_bytes()
    runs = tmp_path / "runs"
    script = tmp_path / "editor"
    script.write_text(f'#!/bin/sh\necho run >> {runs}\necho "mapRolez" >> "$1"\n', encoding="utf-8")
    script.chmod(0o755)
    done = process("edit", "--yes", "--file", file, env={"EDITOR": str(script), "VISUAL": "", "TMPDIR": str(tmp_path)})
    kept = list(tmp_path.glob("awsauth-*/*"))
    assert (done.code, runs.read_text(encoding="utf-8"), str(kept[0]) in done.err) == (8, "run\n", True), done
    assert Path(file).read_bytes() == before


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['click'] = None; import awsauth.cli; awsauth.cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, "in a checkout: pip install '.[cli]'" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr
