"""Commands that are shown to be pasted: a real shell takes them apart into exactly the arguments that are meant."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

import awsauth
from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.eks import EksCluster
from awsauth.aws.session import AwsSession
from awsauth.cli.errors import in_options
from awsauth.cli.inspect_commands import command_for
from awsauth.cli.invocation import Invocation
from awsauth.cli.output import Output
from awsauth.core.cluster.findings import owned_revisions
from awsauth.core.edit.changes import EnsureRole, RemoveUsername
from awsauth.core.entries.model import TEMPORARY_POLICY, AccessEntry, AccessPolicy
from awsauth.core.report.rbac import RbacRule
from awsauth.core.text.display import command_line, is_visible
from awsauth.errors import AwsAuthError, FileError, RecoveryError
from awsauth.health.checks import EksTarget, forbidden, unknown
from awsauth.kube.self_review import SelfReview
from awsauth.recovery.discovery import TemporaryAccess
from tests.support.command_line import ROLE, manifest_in, run
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

VALUES: Final = (
    "two words",
    "x;touch ran",
    "$(touch ran)${IFS}",
    "`touch ran`",
    'it\'s "quoted"',
    "two\nlines",
    "ends\n\n",
    "-rf",
    "--yes",
    "=ls",
    "*?[a]{b,c}",
    "~ !x #y",
    "back\\slash\\",
    "&|<>()",
    "\x1b[2J\x07\r\x7f",
    "\u3164\u200b\u2800\ufe0f",
    "bell\x07 it's `\\033`0",
    "büro 系 \U0001f600",
    "reason=- file=True, explain() remove_user_mapping",
)

STUBS: Final = "".join(
    f"""{name}() {{ printf '%s\\0' {name} "$@" END; }}\n""" for name in ("awsauth", "aws", "kubectl", "chmod")
)


def parsed(line: str, folder: Path, shell: str = "sh") -> list[list[str]]:
    """Return the commands that a shell runs for a line, each with its arguments."""
    done = subprocess.run([shell, "-c", STUBS + line], cwd=folder, capture_output=True, timeout=PATIENCE, check=False)
    assert (done.stderr, list(folder.iterdir())) == (b"", []), line
    return [one.split("\0") for one in done.stdout.decode().removesuffix("\0END\0").split("\0END\0")]


def commands_in(text: str) -> list[str]:
    """Return what stands in backticks, or on an indented line, and is a command; as the command line shows the text."""
    found = re.findall(r"`([^`]*)`|^ {2}(\S[^\n]*)$", in_options(text), re.MULTILINE)
    words = [one or other for one, other in found]
    return [one for one in words if re.match(r"(awsauth|aws|kubectl|chmod) ", one)]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_every_word_is_one_argument(shell: str, empty: Path) -> None:
    words = [*VALUES, "", "\n", "a" * 3000, *map(chr, range(1, 256)), *(f"{chr(code)}1" for code in range(1, 128))]
    line = command_line("awsauth", *words)
    assert parsed(line, empty, shell) == [["awsauth", *words]]
    assert "`" not in line
    assert all(is_visible(character) for character in re.sub("'\n+'", "", line))


@pytest.mark.parametrize("value", VALUES)
def test_a_read_only_file(value: str, tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    manifest_in(tmp_path).rename(value)
    Path(value).chmod(0o400)
    with pytest.raises(FileError) as caught:
        awsauth.AwsAuthClient.from_file(value).add_role_mapping(ROLE, username="ci", groups=["builders"])
    name = f"./{value}" if value.startswith("-") else value
    (command,) = commands_in(caught.value.hint)
    assert parsed(command, empty) == [["chmod", "u+w", name]]


@pytest.mark.parametrize("value", VALUES)
def test_a_command_for_the_same_file(value: str, tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    manifest_in(tmp_path, mapRoles="- x\n").rename(value)
    shown = run("get", "--file", value).err
    command = shown[shown.index("awsauth check") :].removesuffix("\nNothing is mapped.\n")
    (words,) = parsed(command, empty)
    assert words == ["awsauth", "check", "--file", value]
    assert run(*words[1:]).code == 1


@pytest.mark.parametrize("value", VALUES)
def test_commands_that_make_a_change(value: str, empty: Path) -> None:
    invocation = Invocation("explain", {"context": value}, "text", traceback=False, screen=Output())
    change = EnsureRole(role_arn=ROLE, username="it's $(x) `y`", groups=["a b"])
    (words,) = parsed(command_for(invocation, change), empty)
    mapping = ["--username", "it's $(x) `y`", "--group", "a b"]
    assert words == ["awsauth", "add", "role", ROLE, *mapping, "--context", value]
    piped = command_for(invocation, RemoveUsername(username=value))
    assert parsed(piped, empty)[-1] == ["awsauth", "apply", "-", "--yes", "--context", value]


@pytest.mark.parametrize("value", [value for value in VALUES if not {"`", "]"}.intersection(value)])
def test_an_argument_shown_as_an_option(value: str, empty: Path) -> None:
    shown = in_options(f"allow={[f'last-admin={value}']!r}")
    assert parsed(f"awsauth {shown}", empty) == [["awsauth", "--allow", f"last-admin={value}"]]


@pytest.mark.parametrize("value", [value for value in VALUES if not value.endswith("\n")])
def test_what_a_health_check_advises(value: str, empty: Path) -> None:
    caller = awsauth.Caller(ROLE)
    command, recovering = commands_in(unknown(caller, EksTarget(value, value, profile=value), None, "").hint)
    location = ["--cluster", value, "--region", value]
    assert parsed(recovering, empty) == [["awsauth", "recover", *location, *(["--profile", value] if value else [])]]
    added = ["awsauth", "add", "role", ROLE, "--username", "mytestrole", "--group", "GROUP", *location]
    assert parsed(command, empty) == [added]
    (command,) = commands_in(unknown(caller, EksTarget(value, value, reads_config_map=False), None, "").hint)
    ((*_, name, _, region, _, _, _, _),) = parsed(command, empty)
    assert (name, region) == (value, value)


@pytest.mark.parametrize("value", VALUES)
def test_a_call_in_python(value: str) -> None:
    hint = unknown(awsauth.Caller(ROLE), EksTarget(value, value), None, "").hint
    (line,) = [line for line in hint.split("\n") if line.startswith("  awsauth.")]
    call = ast.parse(line.strip(), mode="eval").body
    assert isinstance(call, ast.Call)
    given = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
    assert (given["cluster"], given["region"]) == (value, value)


@pytest.mark.parametrize("value", VALUES)
def test_a_role_and_its_binding(value: str) -> None:
    rule = RbacRule("get", "configmaps", value, value, value)
    text = forbidden(SelfReview(value, frozenset()), [rule], ()).hint
    role, binding = yaml.safe_load_all(text.partition("\n")[2])
    assert role["metadata"]["namespace"] == value
    assert role["rules"] == [
        {"apiGroups": [value], "resources": ["configmaps"], "resourceNames": [value], "verbs": ["get"]}
    ]
    assert binding["subjects"][0]["name"] == value


def _recovery(value: str, *policies: AccessPolicy, tags: dict[str, str]) -> TemporaryAccess:
    arn = f"arn:aws:eks:{value}:111122223333:cluster/{value}"
    cluster = EksCluster(value, arn, "https://x", "", value, "API_AND_CONFIG_MAP", public_endpoint=True)
    entries = AccessEntries(AwsSession(region="us-east-1"), cluster)
    return TemporaryAccess(entries, value, AccessEntry(value, policies=policies, entry_arn=value, tags=tags))


@pytest.mark.parametrize("value", VALUES)
def test_what_a_recovery_leaves_behind(value: str, empty: Path) -> None:
    left = _recovery(value, tags={TEMPORARY_POLICY: ""}).leftovers()
    location = ["--region", value, "--cluster-name", value, "--principal-arn", value]
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert [parsed(commands_in(str(one))[-1], empty) for one in left] == [
        [["aws", "eks", "disassociate-access-policy", *location, "--policy-arn", policy]],
        [["aws", "eks", "untag-resource", "--region", value, "--resource-arn", value, "--tag-keys", TEMPORARY_POLICY]],
    ]
    narrow = AccessPolicy(policy, ("web",))
    with pytest.raises(RecoveryError) as caught:
        _recovery(value, narrow, tags={}).check()
    (command,) = commands_in(caught.value.hint)
    more = ["--policy-arn", policy, "--access-scope", "type=cluster"]
    assert parsed(command, empty) == [["aws", "eks", "associate-access-policy", *location, *more]]


@pytest.mark.parametrize("value", VALUES)
def test_a_revision_with_an_owner(value: str, empty: Path) -> None:
    (finding,) = owned_revisions({value: ["Namespace kube-system"]})
    (command,) = commands_in(finding.hint)
    patch = '[{"op":"remove","path":"/metadata/ownerReferences"}]'
    kubectl = ["kubectl", "-n", "kube-system", "patch", f"controllerrevision/{value}", "--type=json", "-p", patch]
    assert parsed(command, empty) == [kubectl]


def test_a_profile(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    name = "ops; touch ran $(touch ran)"
    config.write_text(
        f"[profile '{name}']\nsso_start_url = x\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = x\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(AwsAuthError) as caught:
        awsauth.connect(cluster="prod", region="eu-west-1", profile=name)
    assert parsed(commands_in(caught.value.hint)[0], empty) == [["aws", "sso", "login", "--profile", name]]


def test_no_command_is_put_together_in_another_way() -> None:
    """Neither by the standard library's quoting nor inside a text."""
    commands = re.compile(
        r"\b(chmod|kubectl|printf|pip install|aws (eks|iam|sso|sts|login)|awsauth (get|add|remove|check|explain|plan|apply"
        r"|edit|history|show|diff|rollback|prune|health|recover))\b[^`.,;]*\{"
    )
    found = []
    for path in sorted(Path(awsauth.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree)
            if (isinstance(node, ast.JoinedStr) and commands.search("".join(_parts(node.values))))
            or (isinstance(node, ast.Attribute) and ast.unparse(node) in ("shlex.quote", "shlex.join"))
        ]
    assert [one for one in found if not one.startswith("display.py:")] == []


def _parts(values: Iterable[ast.expr]) -> Iterable[Any]:
    return (value.value if isinstance(value, ast.Constant) else "{}" for value in values)
