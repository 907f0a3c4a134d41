"""The logins in logs. Their lines are those of the tests' own authenticator and API server, and of CloudWatch around them."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.cli.files import LONGEST_LINE, log_lines
from awsauth.core.document.document import Document
from awsauth.core.entries.model import AccessEntry, EntriesState
from awsauth.core.migration.classify import migration_plan
from awsauth.core.migration.logs import LoginLogs
from awsauth.core.migration.plan import MigrationChoices, MigrationPlan, require_same
from awsauth.core.serialization import json_text
from awsauth.errors import FileError, PlanOutdatedError, UsageError
from tests.support.changed import PREFIX, role, roles
from tests.unit.migration.test_verdicts import ACCOUNT, CONFIG_MAP, known

if TYPE_CHECKING:
    from pathlib import Path

USER: Final = "arn:aws:iam::123456789012:user/migrated-anna"
CI: Final = "arn:aws:iam::123456789012:role/migrated-ci"
GRANTED: Final = (
    'time="2026-11-30T12:24:25Z" level=info msg="access granted" arn="arn:aws:iam::123456789012:user/migrated-anna"'
    ' client="127.0.0.1:44360" groups="[system:monitoring]" method=POST path=/authenticate'
    ' stsendpoint=sts.us-east-1.amazonaws.com uid="aws-iam-authenticator:123456789012:3run92ge2duwxy5g8qcd" username=anna'
)
OTHERS: Final = (
    'Authenticator Version: "unversioned", ""',
    'time="2026-11-30T12:24:17Z" level=info msg="starting mapper \\"EKSConfigMap\\""',
    (
        'time="2026-11-30T12:24:31Z" level=info msg="STS response" accesskeyid=ASIARZPUZDIKMMCDYE32 accountid=123456789012'
        ' arn="arn:aws:sts::123456789012:assumed-role/migrated-ci/bob" client="127.0.0.1:44362" method=POST'
        " path=/authenticate session=bob stsendpoint=sts.us-east-1.amazonaws.com userid=AROARZPUZDIKNV5V6U3NM"
    ),
    (
        'time="2026-11-30T12:24:32Z" level=warning msg="access denied" client="127.0.0.1:44362" error="input token was not'
        ' properly formatted: token is missing expected \\"k8s-aws-v1.\\" prefix" method=POST path=/authenticate'
    ),
    # EKS hides the ARNs of its own accounts.
    'time="2026-11-30T12:24:32Z" level=info msg="access granted" client="127.0.0.1:1" groups="[]" username="eks:x"',
    "I1130 12:24:29.848511   22773 controller.go:86] OpenAPI AggregationController: Starting [x]",
    '{"level":"info","msg":"a pod"}',
    "[1, {}]",
    "\x00\xff",
    "",
)
EVENT: Final[dict[str, Any]] = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "Metadata",
    "auditID": "4900ead3-9eeb-420e-8e3c-a977e9abf6f3",
    "stage": "ResponseComplete",
    "requestURI": "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    "verb": "create",
    "user": {
        "username": "ci:bob",
        "uid": "aws-iam-authenticator:123456789012:AROARZPUZDIKNV5V6U3NM",
        "groups": ["builders", "system:authenticated"],
        "extra": {
            "accessKeyId": ["ASIARZPUZDIKMMCDYE32"],
            "arn": ["arn:aws:sts::123456789012:assumed-role/migrated-ci/bob"],
            "canonicalArn": [CI],
            "principalId": ["AROARZPUZDIKNV5V6U3NM"],
            "sessionName": ["bob"],
        },
    },
    "sourceIPs": ["127.0.0.1"],
    "requestReceivedTimestamp": "2026-11-30T12:24:31.821240Z",
    "stageTimestamp": "2026-11-30T12:24:31.884168Z",
}
AUDIT: Final = json.dumps(EVENT, separators=(",", ":"))
LAST: Final = {
    USER: datetime(2026, 11, 30, 12, 24, 25, tzinfo=timezone.utc),
    CI: datetime(2026, 11, 30, 12, 24, 31, tzinfo=timezone.utc),
}


def read(*lines: str) -> LoginLogs:
    return LoginLogs.of(line.encode() for line in lines)


def events(**around: Any) -> dict[str, Any]:
    found = [
        {"logStreamName": "authenticator-1", "timestamp": 1796041465000, "message": GRANTED, "eventId": "7"},
        {"logStreamName": "kube-apiserver-audit-1", "timestamp": 1796041471000, "message": AUDIT, "eventId": "8"},
    ]
    return {"events": found, "searchedLogStreams": [], **around}


@pytest.mark.parametrize(
    "lines",
    [
        [GRANTED, AUDIT],
        [f"2026-11-30T12:24:25.000Z {GRANTED}", f"2026-11-30T12:24:31.000Z {AUDIT}"],  # an export to S3
        [f"2026-11-30T12:24:25+00:00 authenticator-0a1b {GRANTED}", f"2026-11-30T12:24:31+00:00 audit-0a1b {AUDIT}"],
        [json.dumps(events())],
        [json.dumps(events()["events"])],
        json.dumps(events(), indent=4).split("\n"),  # as the AWS CLI prints it
        [json.dumps(event) for event in events()["events"]],
        [json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events()["events"]})],  # a subscription
        [json.dumps([{"@timestamp": "x", "@message": GRANTED}, {"@timestamp": "x", "@message": EVENT}])],  # Insights
        [json.dumps({"arn": USER, "level": "info", "msg": "access granted", "time": "2026-11-30T12:24:25Z"}), AUDIT],
    ],
    ids=["lines", "s3", "tail", "one", "array", "cli", "json-lines", "subscription", "insights", "json-log"],
)
def test_a_login_is_read_in_every_form(lines: list[str]) -> None:
    found = read(*OTHERS, *lines, *OTHERS)
    assert (found.last, found.since, found.unread) == (LAST, LAST[USER], 0)


def test_the_last_login_counts() -> None:
    later, earlier = GRANTED.replace("T12", "T13"), GRANTED.replace("T12", "T11")
    found = read(GRANTED, later, earlier)
    assert (found.last[USER].hour, found.since.hour) == (13, 11)


@pytest.mark.parametrize(
    "line",
    [
        AUDIT[:-1],
        GRANTED.replace("2026-", "26-"),
        GRANTED.replace(":user/", ":nobody/"),
        '            "canonicalArn": [',  # an event over several lines
        '{"message": ' * 50_000 + '"canonicalArn"',
        "[" * 100_000 + '"access granted"',
        json.dumps({"events": [{"message": AUDIT[:-1]}, {"message": GRANTED}]}),
    ],
    ids=["cut", "time", "arn", "lines", "objects", "arrays", "one-of-two"],
)
def test_a_login_that_cannot_be_read_is_counted(line: str) -> None:
    found = read(GRANTED, line)
    assert (found.last, found.unread) == ({USER: LAST[USER]}, 1)
    assert str(found).endswith("Logins that could not be read: 1.")


def test_the_names_of_a_caller_are_not_taken_for_a_login() -> None:
    """A caller chooses the name of its session, and the path of a request."""
    forged = (
        'x" time="2026-11-30T12:24:25Z" level=info msg="access granted" arn="arn:aws:iam::123456789012:role/forged" '
    )
    for text in (forged, AUDIT.replace(CI, "arn:aws:iam::123456789012:role/forged")):
        quoted = text.replace('"', '\\"')
        denied = f'time="2026-11-30T12:24:32Z" level=warning msg="access denied" error="{quoted}"'
        named = f'{GRANTED.rpartition(" ")[0]} username="{quoted}"'
        uri = json.dumps({**EVENT, "requestURI": f"/{text}", "user": {**EVENT["user"], "username": text}})
        assert read(named, uri).last == LAST
        assert "forged" not in str(read(GRANTED, denied).last)


def test_a_login_in_the_text_of_another_line_is_not_taken_for_one() -> None:
    words = "I1130 12:24:29.848511 22773 controller.go:86] a user wrote:"
    for login in (GRANTED, AUDIT):
        found = read(AUDIT, f"{words} {login.replace('migrated-', 'forged-')}")
        assert (found.last, found.unread) == ({CI: LAST[CI]}, 1)


def test_logs_without_a_login_prove_nothing() -> None:
    with pytest.raises(UsageError, match=r"show no login\. Logins that could not be read: 1\."):
        read(*OTHERS, AUDIT[:-1])


def test_principals_of_an_account_are_those_without_a_mapping() -> None:
    found = read(GRANTED, AUDIT)
    document = Document({"mapAccounts": '["123456789012", "123456789012"]', "mapRoles": f"- rolearn: {CI}"})
    assert found.of_accounts(document) == (USER,)
    assert found.of_accounts(Document({})) == ()
    # A later login by a mapping is not one by the account.
    assert planned(document, logs=found)["123456789012"].last_login == LAST[USER]


def test_files_may_be_compressed(tmp_path: Path) -> None:
    names = ["plain", "one.gz", "two.gz"]
    (tmp_path / "plain").write_text(f"{GRANTED}\n", encoding="utf-8")
    (tmp_path / "one.gz").write_bytes(gzip.compress(AUDIT.encode()))
    (tmp_path / "two.gz").write_bytes(gzip.compress(b"x\n") + gzip.compress(f"{GRANTED}\n".encode()))
    assert LoginLogs.of(log_lines(str(tmp_path / name) for name in names)).last == LAST
    (tmp_path / "cut.gz").write_bytes(gzip.compress(AUDIT.encode())[:-9])
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8bnothing")
    for name in ("cut.gz", "bad.gz", "missing"):
        with pytest.raises(FileError, match=r"cannot be read: (?!None)") as refused:
            LoginLogs.of(log_lines([str(tmp_path / name)]))
        assert refused.value.location.endswith(name)


def test_a_line_without_an_end_takes_bounded_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(b"0" * (LONGEST_LINE + 5) + b"\n" + GRANTED.encode(), 1))
    assert max(map(len, log_lines([str(bomb)]))) == LONGEST_LINE
    assert LoginLogs.of(log_lines([str(bomb)])).last == {USER: LAST[USER]}


OTHER: Final = "arn:aws:iam::444455556666:role/partner"
PARTNER: Final = LAST[CI]


def planned(document: Document, state: EntriesState = CONFIG_MAP, logs: LoginLogs | None = None, **choices: Any) -> Any:
    """Return the items of a plan with logs by their ARN; by default another account's role has come in."""
    logs = logs or LoginLogs({OTHER: PARTNER, f"{PREFIX}/ci": PARTNER}, PARTNER)
    facts = known(f"{PREFIX}/ci", f"{PREFIX}/visitor")
    return {
        item.mapped.principal: item
        for item in migration_plan(document, state, facts, MigrationChoices(logs=logs, **choices)).items
    }


def test_a_principal_that_comes_in_by_its_account_gets_an_entry() -> None:
    """The authenticator gives it its ARN as username, and no groups."""
    document = Document({"mapAccounts": f'["444455556666", "{ACCOUNT}"]'})
    visitor = f"{PREFIX}/visitor"
    found = planned(document, logs=LoginLogs({OTHER: PARTNER, visitor: PARTNER}, PARTNER))
    assert (found[visitor].verdict, found[visitor].unproven) == ("equal", "")
    assert found[visitor].entry == AccessEntry(visitor, "STANDARD", visitor)
    assert found[OTHER].entry == AccessEntry(OTHER, "STANDARD", OTHER)
    assert "Not known is its path" in found[OTHER].unproven
    real = OTHER.replace("role/", "role/team/")
    chosen = planned(document, arns={OTHER: real})[OTHER]
    assert (chosen.entry, chosen.unproven) == (AccessEntry(real, "STANDARD", OTHER), "")
    account = found["444455556666"]
    assert (account.verdict, account.in_logs, account.last_login) == ("impossible", "seen", PARTNER)
    root = "arn:aws:iam::444455556666:root"
    assert planned(document, logs=LoginLogs({root: PARTNER}, PARTNER))[root].verdict == "impossible"


def test_each_item_says_whether_the_logs_show_it() -> None:
    document = roles(role("ci", "ci"), role("team/old", "old"), role("unused", "unused"))
    found = planned(document)
    assert (found[f"{PREFIX}/ci"].in_logs, found[f"{PREFIX}/ci"].last_login) == ("seen", PARTNER)
    assert str(found[f"{PREFIX}/ci"]).endswith("Last login in the logs: 2026-11-30T12:24:31Z.")
    assert (found[f"{PREFIX}/team/old"].verdict, found[f"{PREFIX}/team/old"].in_logs) == ("dead", "not seen")
    assert str(found[f"{PREFIX}/unused"]).endswith("No login in the logs.")
    [*unasked] = migration_plan(document, CONFIG_MAP, known()).items
    assert {item.in_logs for item in unasked} == {"not asked"}
    assert "login" not in " ".join(map(str, unasked)).lower()


def test_a_saved_plan_holds_the_logins() -> None:
    document = Document({"mapAccounts": '["444455556666"]'})
    logs = read(GRANTED, AUDIT, AUDIT[:-1])
    plan = migration_plan(document, CONFIG_MAP, known(), MigrationChoices(logs=logs, accept=[]))
    assert MigrationPlan.from_text(json_text({"migration": plan})) == plan
    assert "Logins since 2026-11-30T12:24:25Z, by principals: 2. Logins that could not be read: 1." in str(plan)


def test_a_choice_for_a_mapping_that_an_entry_has_replaced_is_accepted() -> None:
    """So a command can run again after it removed the mapping."""
    present = EntriesState("API_AND_CONFIG_MAP", (AccessEntry(f"{PREFIX}/team/CI", "STANDARD", "ci"),))
    for arn in (f"{PREFIX}/CI", f"{PREFIX}/ci"):
        assert planned(roles(role("other", "x")), present, accept=[f"unproven={arn}"])
    for wrong in (f"unproven={PREFIX}/cj", f"all={PREFIX}/ci", "unproven="):
        with pytest.raises(UsageError, match="No mapping fits"):
            planned(roles(role("other", "x")), present, accept=[wrong])
    with pytest.raises(UsageError, match="No mapping fits"):  # otherwise it would have no effect
        planned(roles(role("ci", "x")), present, accept=[f"unproven={PREFIX}/CI"])
    with pytest.raises(UsageError, match="No mapping fits"):
        planned(roles(role("ci", "x")), accept=[f"unproven={OTHER}"])


def test_a_plan_for_another_cluster_is_refused() -> None:
    def plan_for(name: str) -> MigrationPlan:
        arn = f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/{name}"
        return migration_plan(roles(role("ci", "ci")), CONFIG_MAP, known(f"{PREFIX}/ci", cluster=arn))

    assert str(plan_for("prod")).startswith(f"Cluster:\n- arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/prod\n")
    require_same(plan_for("prod"), plan_for("prod"))
    with pytest.raises(PlanOutdatedError, match=r"is for the cluster .*/prod`, and this is .*/test`"):
        require_same(plan_for("prod"), plan_for("test"))
