"""The tour of the README, in each authentication mode, with the real API server and authenticator."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.cli.command import DONE, FOUND, REFUSED, USAGE
from tests.support.command_line import run
from tests.support.entry_changes import DEV
from tests.support.paths import PROJECT
from tests.support.recovery_stage import OPS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.entry_changes import Entries

# By mode, the exit codes that are not 0, by the first word: a mode refuses changes of what the cluster does not use.
CODES: Final = {
    "CONFIG_MAP": {"entry": USAGE},
    "API_AND_CONFIG_MAP": {},
    "API": {"check": FOUND, **dict.fromkeys(("add", "apply", "rollback"), REFUSED)},
}
CHANGING: Final = ("add", "remove", "apply", "entry", "rollback", "check")


def tour() -> list[list[str]]:
    """Return the commands of the README, without `awsauth`."""
    section = PROJECT.joinpath("README.md").read_text(encoding="utf-8").split("## Command line\n")[1].split("\n## ")[0]
    return [shlex.split(line, comments=True)[1:] for line in section.splitlines() if line.startswith("awsauth ")]


@pytest.mark.parametrize("mode", CODES)
def test_every_command_of_the_tour(
    entries: Entries, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entries.mode(mode)
    entries.stage.map_caller()
    tmp_path.joinpath("changes.yaml").write_text(
        f"- {{change: EnsureRole, role_arn: '{DEV}', username: dev, groups: [devs]}}\n", encoding="utf-8"
    )
    words = {"ARN": DEV, "NAME": "dev", "GROUP": "devs"}
    where = ["--cluster", entries.stage.cluster.name, "--region", entries.stage.cluster.aws.region]
    told = []
    for command in tour():
        given = [words.get(word, word) for word in command]
        ran = run(*given, *where, *(["--yes"] if command[0] in CHANGING else []))
        assert ran.code == CODES[mode].get(command[0], DONE), ran
        told.append(ran.out + ran.err)
    everything = "\n".join(told)
    assert ("The cluster does not read aws-auth" in everything) == (mode == "API")
    assert ("it has no access entries" in everything) == (mode == "CONFIG_MAP")
    # The entry is made where there are entries.
    assert (entries.state() is None) == (mode == "CONFIG_MAP")
    assert len(told) == 13


def test_the_mode_without_mappings_needs_no_config_map(entries: Entries) -> None:
    entries.mode("API")
    entries.stage.cluster.api.request("DELETE", "/api/v1/namespaces/kube-system/configmaps/aws-auth")
    where = ["--cluster", entries.stage.cluster.name, "--region", entries.stage.cluster.aws.region]
    assert OPS in run("get", *where).out
    assert (
        "AmazonEKSClusterAdminPolicy" in run("who-can", "system:masters", *where).out + run("explain", OPS, *where).out
    )
    assert run("entry", "add", DEV, "--access-policy", "AmazonEKSViewPolicy", "--yes", *where).code == DONE
    assert f"+ entry {DEV}" in run("entry", "history", *where).out
    assert run("entry", "rollback", "--yes", *where).code == DONE
    assert entries.state() is None
    assert run("check", *where).out == "Nothing found.\n"
    assert "It is healthy." in run("health", *where).out
