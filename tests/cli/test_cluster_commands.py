"""The commands about who gets in, before the stand-in for AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import manifest_in, run

if TYPE_CHECKING:
    from pathlib import Path


UNKNOWN = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_SESSION_TOKEN": None, "AWS_PROFILE": None}


@pytest.mark.parametrize(
    "args", [[], ["--file", "x"], ["--cluster", "k8s", "--context", "x"], ["--cluster", "k8s", "--as", "x"]]
)
def test_recovering_is_for_a_cluster_of_eks(args: list[str]) -> None:
    done = run("recover", "--yes", *args)
    assert (done.code, "--cluster" in done.err) == (2, True)


def test_recovering_asks() -> None:
    done = run("recover", "--cluster", "k8s")
    assert (done.code, "--yes to recover" in done.err) == (2, True)


@pytest.mark.parametrize("choice", [["--accept", "loses=x"], ["--administrators", "group"], ["--logs", "x"]])
def test_a_saved_migration_takes_no_other_choices(tmp_path: Path, choice: list[str]) -> None:
    saved = tmp_path / "plan.json"
    saved.write_text("{}", encoding="utf-8")
    done = run("migrate", "apply", str(saved), *choice, "--cluster", "k8s")
    assert (done.code, "A saved plan holds its choices." in done.err) == (2, True)


@pytest.mark.parametrize("region", [None, "eu-west-1"])
@pytest.mark.parametrize(
    ("words", "hint"),
    [(("role", "mytestrole"), "Give the role's ARN. Or: "), (("sso", "Administrators"), "what to do: S")],
)
def test_beside_a_file_the_environment_says_whom_to_ask_for_a_name(
    tmp_path: Path, words: tuple[str, str], hint: str, region: str | None
) -> None:
    nowhere = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    env = {**UNKNOWN, **nowhere, "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": None, "AWS_REGION": region}
    done = run("add", *words, "--username", "x", "--yes", "--file", str(manifest_in(tmp_path)), env=env)
    assert done.code == (5 if region else 2), done
    assert hint in done.err
    assert "AWS_PROFILE" in done.err
    assert "--region" not in done.err
    assert "--profile" not in done.err
