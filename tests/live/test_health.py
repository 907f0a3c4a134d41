"""The health check, on a real API server: every step passes, and fails with its cause and its cure."""

from __future__ import annotations

import json
import re
import shlex
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from awsauth.api import health_check
from awsauth.aws.errors import clock_difference
from awsauth.client import AwsAuthClient
from awsauth.core.text.display import command_line
from awsauth.errors import AuthenticationError, ForbiddenError, InvalidValueError, UsageError
from awsauth.health.report import STEPS
from awsauth.stores.memory import MemoryStore
from awsauth.system.backoff import http_date
from tests.support.command_line import run
from tests.support.named_cluster import NamedCluster, awaited
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.health.report import HealthReport
    from tests.support.controlplane.cluster import Cluster


def results(report: HealthReport) -> dict[str, str]:
    return {step.name: step.result for step in report.steps}


def failed_at(name: str) -> dict[str, str]:
    """Return the results of a check that failed at a step."""
    at = STEPS.index(name)
    return {step: "passed" if i < at else "failed" if i == at else "skipped" for i, step in enumerate(STEPS)}


ACCESS = STEPS[: STEPS.index("drift")]
"""The steps about the caller's access; the others are about the state of aws-auth."""


def access(report: HealthReport) -> dict[str, str]:
    return {name: result for name, result in results(report).items() if name in ACCESS}


def detail(report: HealthReport, name: str) -> str:
    return next(step.detail for step in report.steps if step.name == name)


def cause(report: HealthReport) -> str:
    assert report.failure
    return report.failure.cause


def hint(report: HealthReport) -> str:
    assert report.failure
    return report.failure.hint


def test_all_of_it_passes_for_an_administrator(named: NamedCluster) -> None:
    named.map(health_admin=("system:masters",))
    named.await_in("health-admin")
    named.be_role("health-admin")
    with named.client() as client:
        report = client.health_check()
    assert access(report) == dict.fromkeys(ACCESS, "passed")
    assert detail(report, "credentials") == "environment variables (AWS_ACCESS_KEY_ID)"
    assert detail(report, "identity").endswith(":assumed-role/health-admin/laptop")
    assert named.name in detail(report, "token")
    assert detail(report, "api-server").startswith("Kubernetes v1.")
    assert detail(report, "api-server").endswith("whose certificate is valid")
    assert detail(report, "authenticated").startswith(
        "`health-admin`, in `system:masters`, by mapRoles line 1, column "
    )
    assert detail(report, "authorised") == "may list nodes; list namespaces"
    assert str(report).endswith("No step failed. Look at the warning: nodes.")
    assert json.loads(json.dumps(report.to_json()))["passed"] is True
    assert all(step.seconds >= 0 for step in report.steps)


def test_whoever_is_not_mapped_is_told_whom_to_map_and_how(named: NamedCluster) -> None:
    named.map(somebody_else=())
    named.be_role("health-worker", "i-0123456789abcdef0")
    with named.client() as client:
        report = client.health_check()
    assert results(report) == failed_at("authenticated")
    assert cause(report) == f"The API server does not know {named.arn('health-worker')} (401)."
    region = named.cluster.aws.region
    _, call, command, _, recovering = hint(report).splitlines()
    assert call.strip() == (
        f'awsauth.add_role_mapping("{named.arn("health-worker")}", username="health-worker", groups=["GROUP"], '
        f'cluster="{named.name}", region="{region}")'
    )
    assert command.strip() == (
        f"awsauth add role {named.arn('health-worker')} --username health-worker --group GROUP "
        f"--cluster {named.name} --region {region}"
    )
    assert recovering.strip() == f"awsauth recover --cluster {named.name} --region {region}"
    assert str(report).endswith("It is not healthy: authenticated failed.")


def test_the_command_line_that_is_advised_does_it(named: NamedCluster) -> None:
    named.map(health_cli=("system:masters",))
    named.await_in("health-cli")
    named.be_role("health-cli-worker")
    with named.client() as client:
        command = shlex.split(hint(client.health_check()).splitlines()[2].replace("GROUP", "system:masters"))
    named.be_role("health-cli")
    done = run(*command[1:], "--yes")
    assert done.code == 0, done
    named.be_role("health-cli-worker")
    with named.client() as client:
        report = awaited(client.health_check, lambda found: found.passed)
    assert detail(report, "authenticated").startswith("`health-cli-worker`, in `system:masters`, by mapRoles")


def test_a_refusal_tells_the_servers_clock(named: NamedCluster) -> None:
    named.be_role("health-clock")
    with named.client() as client, pytest.raises(AuthenticationError) as refused:
        client.read()
    told = http_date(refused.value.stamp)
    assert told is not None
    assert abs(datetime.now(timezone.utc) - told) < timedelta(seconds=PATIENCE)
    assert clock_difference(refused.value.stamp) == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "servers before Kubernetes 1.27 do not report the username"),
        (ForbiddenError("no"), "the role system:basic-user was removed"),
    ],
)
def test_a_server_that_does_not_tell_whom_it_knows_passes_all_the_same(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, answer: Exception | None, said: str
) -> None:
    def review(_: object) -> None:
        if answer:
            raise answer

    monkeypatch.setattr("awsauth.health.checks.self_review", review)
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig) as client:
        report = client.health_check()
    assert said in detail(report, "authenticated")
    assert report.passed


def test_a_user_with_a_path_is_to_be_mapped_with_it(named: NamedCluster) -> None:
    user = named.cluster.aws.create_user("health-alice", path="/ops/")
    named.be(user.environment)
    with named.client() as client:
        advice = hint(client.health_check())
    assert f'awsauth.add_user_mapping("{user.arn}", username="health-alice"' in advice
    assert f"awsauth add user {user.arn} --username health-alice" in advice


def test_a_cluster_that_does_not_look_at_aws_auth_wants_an_access_entry(named: NamedCluster) -> None:
    named.described.authentication_mode = "API"
    named.be_role("health-entry")
    with named.client() as client:
        advice = hint(client.health_check())
    assert f"aws eks create-access-entry --cluster-name {named.name}" in advice
    assert "add_role_mapping" not in advice


def test_whoever_lacks_a_right_is_given_role_and_binding_which_work(named: NamedCluster) -> None:
    named.map(health_dev=("developers",))
    named.await_in("health-dev")
    named.be_role("health-dev")
    needs = ["list nodes", "get pods/log in default", "create deployments.apps/scale in default"]
    with named.client() as client:
        report = client.health_check(may=needs)
        assert results(report) == failed_at("authorised")
        assert cause(report) == f"`health-dev` may not {'; '.join(needs)} (403)."
        assert "the entry is unknown, because the caller may not read aws-auth" in detail(report, "authenticated")
        manifest = hint(report).partition("\n")[2]
        kinds = [part["kind"] for part in yaml.safe_load_all(manifest)]
        assert kinds == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
        named.cluster.kubectl("apply", "-f", "-", input=manifest)
        report = awaited(lambda: client.health_check(may=needs), lambda found: found.passed)
    assert detail(report, "authorised") == f"may {'; '.join(needs)}"


def test_a_resource_without_its_group_is_pointed_out(named: NamedCluster) -> None:
    named.map(health_group=("developers",))
    named.await_in("health-group")
    named.be_role("health-group")
    with named.client() as client:
        report = client.health_check(may=["list deployments in default", "list pods"])
    assert "The core group has no `deployments`" in cause(report)
    assert "no `pods`" not in cause(report)


def test_another_role_is_checked_before_it_is_handed_over(named: NamedCluster) -> None:
    named.map(health_boss=("system:masters",))
    named.await_in("health-boss")
    named.be_role("health-boss")
    role = named.cluster.aws.create_role("health-target", path="/team/")
    with named.client() as client:
        report = client.health_check(role_arn=role)
        assert results(report) == failed_at("authenticated")
        assert "aws-auth does not map it." in cause(report)
        assert named.arn("health-target") in hint(report)
        client.add_role_mapping(role, username="target", groups=["targets"])
        report = awaited(lambda: client.health_check(role_arn=role, may=[]), lambda found: found.passed)
        assert ", who becomes arn:aws:sts::" in detail(report, "identity")
        assert detail(report, "authenticated").startswith("`target`, in `targets`, by mapRoles line ")
        assert client.health_check().passed


def test_an_entry_that_was_meant_for_the_role_is_named(named: NamedCluster) -> None:
    named.map(health_chief=("system:masters",))
    named.await_in("health-chief")
    named.be_role("health-chief")
    path = f"arn:aws:iam::{named.cluster.aws.account}:role/team/health-pathed"
    entries = yaml.safe_load(named.cluster.aws_auth()["data"]["mapRoles"])  # type: ignore[index]
    named.cluster.put_aws_auth({"mapRoles": json.dumps([*entries, {"rolearn": path, "username": "x"}])})
    with named.client() as client:
        assert path in cause(client.health_check(role_arn=named.arn("health-pathed")))


def test_whoever_comes_in_by_something_else_is_told_so(named: NamedCluster) -> None:
    """As one with an access entry does: aws-auth says something else than the API server."""
    named.map(health_other_way=("system:masters",))
    named.await_in("health-other-way")
    named.be_role("health-other-way")
    with named.client() as client:
        for groups in (["system:masters"], ["others"]):
            mapped = {"rolearn": named.arn("health-other-way"), "username": "health-other-way", "groups": groups}
            client._store = MemoryStore({"mapRoles": json.dumps([mapped])})
            is_told = "not by aws-auth, but by an access entry" in detail(client.health_check(may=[]), "authenticated")
            assert is_told == (groups == ["others"])


def test_a_kubeconfig_with_a_token_skips_what_is_of_aws(cluster: Cluster) -> None:
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig) as client:
        report = client.health_check()
        assert access(report) == dict.fromkeys(ACCESS, "passed") | dict.fromkeys(STEPS[:3], "skipped")
        assert report.passed
        assert "does not use AWS credentials" in detail(report, "token")
        with pytest.raises(UsageError, match="has no AWS credentials, so it cannot assume a role"):
            client.health_check(role_arn="arn:aws:iam::111122223333:role/x")


def test_a_kubeconfig_as_the_aws_cli_writes_it_is_checked_from_the_start(named: NamedCluster, tmp_path: Path) -> None:
    named.map(health_kubeconfig=("system:masters",))
    named.await_in("health-kubeconfig")
    named.be_role("health-kubeconfig")
    config = yaml.safe_load(named.cluster.kubeconfig.read_text(encoding="utf-8"))
    region = named.cluster.aws.region
    config["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": ["--region", region, "eks", "get-token", "--cluster-name", named.name, "--output", "json"],
        }
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    with AwsAuthClient.from_kubeconfig(path=path) as client:
        assert access(client.health_check()) == dict.fromkeys(ACCESS, "passed")
        named.cluster.put_aws_auth({})
        report = awaited(client.health_check, lambda found: not found.passed)
    assert f'cluster="{named.name}", region="{region}"' in hint(report)


def test_missing_credentials_are_a_step_that_failed(named: NamedCluster) -> None:
    report = health_check(cluster=named.name)
    assert results(report) == failed_at("credentials")
    assert "There are no AWS credentials" in cause(report)


def test_a_cluster_that_is_not_there_is_a_step_that_failed(named: NamedCluster) -> None:
    named.be_role("health-lost")
    report = health_check(cluster="nowhere")
    assert report.failure
    assert report.failure.name == "connection"
    assert named.name in str(report)


def test_credentials_that_expired_after_connecting(named: NamedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    named.be_role("health-expired")
    with named.client() as client:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        report = client.health_check()
    assert results(report) == failed_at("identity")
    assert "AWS cannot be reached" in cause(report)


def test_a_certificate_of_another_authority_fails_where_the_server_is_reached(
    named: NamedCluster, tmp_path: Path
) -> None:
    from tests.support.controlplane.authority import Authority

    named.described.certificate_authority = Authority(tmp_path).certificate_file.read_text(encoding="utf-8")
    named.be_role("health-tls")
    with named.client() as client:
        report = client.health_check()
    assert results(report) == failed_at("api-server")
    assert "certificate is not trusted" in cause(report)


def test_acting_as_somebody_is_checked_as_that_one(cluster: Cluster) -> None:
    with AwsAuthClient.from_kubeconfig(path=cluster.kubeconfig, as_user="health-jane", as_groups=["ops"]) as client:
        report = client.health_check()
    assert detail(report, "authenticated") == "`health-jane`, in `ops`"
    assert results(report)["authorised"] == "failed"
    assert 'kind: Group, name: "ops"' in hint(report)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"may": "list nodes"}, UsageError),
        ({"may": ["list"]}, UsageError),
        ({"may": ["list nodes in"]}, UsageError),
        ({"may": [None]}, UsageError),
        ({"role_arn": "arn:aws:iam::111122223333:user/x"}, InvalidValueError),
    ],
)
def test_wrong_usage_is_raised(named: NamedCluster, arguments: dict[str, Any], error: type[Exception]) -> None:
    named.be_role("health-usage")
    with named.client() as client, pytest.raises(error):
        client.health_check(**arguments)


def test_without_a_node_mapping_it_warns_with_the_commands_for_the_target(cluster: Cluster) -> None:
    """Neither a cluster without a history nor one that was replaced twice is healthy."""
    target = ("--kubeconfig", str(cluster.kubeconfig))
    one, nodes = "arn:aws:iam::111122223333:role/one", "arn:aws:iam::111122223333:role/NodeRole"
    replaced = {"mapRoles": json.dumps([{"rolearn": one, "username": "one"}])}
    cluster.put_aws_auth(replaced)
    cluster.kubectl("-n", "kube-system", "delete", "controllerrevision", "--all")
    for _ in range(2):
        done = run("health", *target)
        assert done.code == 0, done
        assert "aws-auth has no node mapping. Nodes without an access entry cannot join." in done.out
        assert f"`awsauth history {command_line(*target)}`" in done.out
        assert f"`awsauth rollback --to N {command_line(*target)}`" in done.out
        assert f"`awsauth add node ROLE_ARN {command_line(*target)}`" in done.out
        assert "It is healthy." not in done.out
        assert ("there is no revision to compare with" in done.out) == (not cluster.revisions())
        assert run("add", "role", f"{one}-more", "--username", "x", *target, "--yes").code == 0
        cluster.put_aws_auth(replaced)
    assert run("add", "node", nodes, *target, "--yes").code == 0
    healthy = run("health", *target)
    assert f"aws-auth maps `{nodes}`" in healthy.out
    assert healthy.out.rstrip().endswith("It is healthy.")
    cluster.put_aws_auth(replaced)
    lost = run("health", *target)
    assert lost.code == 1
    assert f"node mappings: `{nodes}`" in lost.out
    [command] = re.findall(r"`(awsauth rollback --to [^`]*)`", lost.out)
    assert run(*shlex.split(command)[1:], "--yes").code == 0
    assert run("health", *target).out.rstrip().endswith("It is healthy.")
