"""The boundary to AWS: what is told of errors that quote secrets, of odd answers, and of changes without an answer."""

from __future__ import annotations

import json
import threading
import traceback
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from botocore import exceptions as botocore_exceptions

from awsauth.api import connect, whoami
from awsauth.aws.eks import describe_cluster
from awsauth.aws.errors import _CODES, clock_difference, safe_text, shown_address, translate_errors
from awsauth.aws.identity import ClusterIdentity, Identity
from awsauth.aws.session import AwsSession
from awsauth.errors import AwsAuthError, AwsServiceError, CredentialsError, OutcomeUnknownError
from tests.support.aws.aws_environment import KEYS, only
from tests.support.aws.eks_fake import EksFake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "wJalrXUtnFEMISECRET"  # noqa: S105 - nobody's
REGION = {"AWS_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1"}


@pytest.fixture
def eks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EksFake]:
    with EksFake() as fake:
        only(monkeypatch, tmp_path, KEYS | REGION | {"AWS_ENDPOINT_URL": fake.url})
        yield fake


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


# Secrets.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SESSION_TOKEN", f"{SECRET}\n"), ("AWS_SESSION_TOKEN", f"{SECRET}\r"), ("AWS_SESSION_TOKEN", f"{SECRET}\r\nX: y"),
        ("AWS_ACCESS_KEY_ID", f"{SECRET}\n"), ("AWS_REGION", "eu-west-1\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_as_a_header_is_not_told(
    eks: EksFake, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    for ask in (whoami, lambda: connect(cluster="prod")):
        with pytest.raises((AwsServiceError, CredentialsError)) as caught:
            ask()
        for secret in (SECRET, "Signature=", "Credential="):
            assert secret not in told(caught.value)
    assert eks.requests == []


def test_a_line_break_in_the_credentials_is_said(eks: EksFake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"{SECRET}\r")
    with pytest.raises(AwsServiceError, match="a character that cannot be sent") as caught:
        whoami()
    assert "line break" in caught.value.hint
    assert "AWS_SESSION_TOKEN" in caught.value.hint
    assert eks.requests == []


@pytest.mark.parametrize(
    "proxy",
    [
        f"http://u:{SECRET}#1@127.0.0.1:1", f"http://u:{SECRET}/1@127.0.0.1:1", f"http://u:{SECRET}?1@127.0.0.1:1",
        f"http://u:{SECRET}\\1@127.0.0.1:1", f"http://u:{SECRET}@127.0.0.1:99999", f"http://u:{SECRET}\n",
        f"http://u:{SECRET}@1@127.0.0.1:1", f"http://u:{SECRET} 1@127.0.0.1:1", f"{SECRET}://x",
    ],
)  # fmt: skip
def test_the_password_of_a_proxy_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: str) -> None:
    only(monkeypatch, tmp_path, KEYS | REGION | {"HTTPS_PROXY": proxy})
    with pytest.raises(AwsServiceError, match="proxy") as caught:
        whoami()
    assert SECRET not in told(caught.value)
    assert "HTTPS_PROXY" in caught.value.hint


@pytest.mark.parametrize("endpoint", ["http://u:{}@127.0.0.1:1", "http://u:{}#1@127.0.0.1:1", "http://u:{}@[::1"])
def test_the_password_in_an_endpoint_is_not_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str
) -> None:
    only(monkeypatch, tmp_path, KEYS | REGION | {"AWS_ENDPOINT_URL": endpoint.format(SECRET)})
    with pytest.raises((AwsServiceError, CredentialsError)) as caught:
        whoami()
    assert SECRET not in told(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://sts.eu-west-1.amazonaws.com/", "https://sts.eu-west-1.amazonaws.com"),
        ("http://u:p@127.0.0.1:1/x?y", "http://127.0.0.1:1"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://u:p/q@host", ""), ("http://u:1/q@host", ""), ("http://p#@host", ""), ("http://p?@host", ""),
        ("http://u:p@q@host", ""), ("http://u:p\\q@host", "http://host"), ("p://x", ""), ("http://p://x", ""), ("", ""), (None, ""),
    ],
)  # fmt: skip
def test_of_an_address_only_what_is_certainly_no_password_is_shown(url: str | None, shown: str) -> None:
    assert shown_address(url) == shown


@pytest.mark.parametrize(
    "process",
    [
        f"/bin/sh -c 'echo {SECRET} >&2; exit 3'",
        f"""/bin/echo '{{"Version":"{SECRET}"}}'""",
        f"""/bin/echo '{{"Version":1,"AccessKeyId":"{SECRET}"}}'""",
    ],
)
def test_what_a_credential_process_says_is_not_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, process: str
) -> None:
    only(monkeypatch, tmp_path, REGION, config=f"[default]\ncredential_process = {process}\n")
    with pytest.raises(CredentialsError, match="credential_process: the program failed") as caught:
        whoami()
    assert SECRET not in told(caught.value)


def test_a_value_that_botocore_quotes_is_left_out() -> None:
    assert safe_text(ValueError(f"Invalid endpoint: http://u:{SECRET}@host")) == "Invalid endpoint"
    assert SECRET not in safe_text(ValueError(f"Port could not be cast to integer value as {SECRET!r}"))
    assert safe_text(json.JSONDecodeError(SECRET, SECRET, 0)) == "JSONDecodeError"


def test_errors_that_are_not_known_are_told_by_their_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, KEYS)
    with (
        pytest.raises(AwsServiceError, match=r"the request failed \(OSError\)\.") as caught,
        translate_errors("Odd", AwsSession()),
    ):
        raise botocore_exceptions.HTTPClientError(error=OSError(SECRET))
    assert SECRET not in told(caught.value)


# Answers that cannot be read.


def nested() -> object:
    return json.loads("[" * 100_000)


@pytest.mark.parametrize(
    "read",
    [
        lambda answer: answer["cluster"], lambda answer: answer["list"][0], lambda answer: answer["five"]["name"],
        lambda answer: answer["five"].get("name"), lambda _: nested(), lambda _: 10**400 * 1.0,
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, read: Any) -> None:
    only(monkeypatch, tmp_path, KEYS)
    with (
        pytest.raises(AwsServiceError, match=r"^It cannot be done: the answer cannot be read") as caught,
        translate_errors("It cannot be done", AwsSession()),
    ):
        read({"list": [], "five": 5})
    assert "HTTPS_PROXY" in caught.value.hint


def test_other_defects_are_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, tmp_path, KEYS)
    for defect in (AssertionError(), RuntimeError("odd"), NotImplementedError()):
        with pytest.raises(type(defect)), translate_errors("It cannot be done", AwsSession()):
            raise defect


def test_credentials_that_have_expired_when_they_come_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t"}
    given["Expiration"] = "2001-01-01T00:00:00Z"
    process = f"/bin/echo '{json.dumps(given)}'"
    only(monkeypatch, tmp_path, REGION, config=f"[default]\ncredential_process = {process}\n")
    with pytest.raises(CredentialsError, match="have expired"):
        whoami()


def test_a_date_beyond_all_time_says_nothing_of_the_clock() -> None:
    assert clock_difference("1 Jan 99999999999 1:2 GMT +0800") == ""
    assert clock_difference("Wed, 3 Apr 0001 12:34:56 -9999") == ""


# Changes of which nobody knows whether they were made.


def server_error(status: int, code: str = "ServerException") -> Exception:
    answer: Any = {"Error": {"Code": code, "Message": "odd"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore_exceptions.ClientError(answer, "Do")


URL = {"endpoint_url": "https://eks.example/clusters"}
UNKNOWN = {
    "read timeout": botocore_exceptions.ReadTimeoutError(**URL),
    "connection cut": botocore_exceptions.ConnectionClosedError(**URL),
    # Of several attempts, this is the last one.
    "no connection": botocore_exceptions.EndpointConnectionError(**URL),
    "500": server_error(500),
    "503": server_error(503, "ServiceUnavailableException"),
    "unreadable": KeyError("update"),
}
CERTAIN = {
    "400": server_error(400),
    "403": server_error(403, "AccessDenied"),
    "429": server_error(429, "ThrottlingException"),
    "503 throttled": server_error(503, "RequestLimitExceeded"),
    "no credentials": botocore_exceptions.NoCredentialsError(),
    "header": botocore_exceptions.HTTPClientError(error=ValueError("Invalid header value b'x'")),
}


@pytest.mark.parametrize("code", sorted(_CODES))
def test_every_code_of_the_table_has_a_message_and_a_hint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str
) -> None:
    only(monkeypatch, tmp_path, KEYS)
    with (
        pytest.raises(AwsAuthError, match=r"^It cannot be done: ") as caught,
        translate_errors("It cannot be done", AwsSession(), service="eks"),
    ):
        raise server_error(400, code)
    assert type(caught.value) is _CODES[code].kind
    assert caught.value.hint
    assert "{" not in caught.value.message


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_change_without_an_answer_may_have_been_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    only(monkeypatch, tmp_path, KEYS)
    with (
        pytest.raises(OutcomeUnknownError, match="AWS may have done it") as caught,
        translate_errors("It cannot be done", AwsSession(), look="Look there."),
    ):
        raise UNKNOWN[name]
    assert caught.value.hint.startswith("Look there.")
    with pytest.raises(AwsServiceError), translate_errors("It cannot be read", AwsSession()):
        raise UNKNOWN[name]


@pytest.mark.parametrize("name", CERTAIN)
def test_a_change_that_was_refused_was_not_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    only(monkeypatch, tmp_path, KEYS)
    with (
        pytest.raises((AwsServiceError, CredentialsError)),
        translate_errors("It cannot be done", AwsSession(), look="Look there."),
    ):
        raise CERTAIN[name]


# Odd answers of a service, from the outside.


@contextmanager
def answering(content: str, kind: str = "application/json") -> Iterator[str]:
    """Yield the address of a server that answers everything so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response_only(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        do_POST = do_PUT = do_GET  # noqa: N815 - http.server looks these up

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def caller(**parts: str) -> str:
    """Return an answer of sts:GetCallerIdentity."""
    said = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
    inner = f"<GetCallerIdentityResult>{said}</GetCallerIdentityResult>"
    return f'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{inner}</GetCallerIdentityResponse>'


ANNA = {"Arn": "arn:aws:iam::111122223333:user/anna", "Account": "111122223333", "UserId": "AIDA"}


@pytest.mark.parametrize(
    "content",
    [
        "<a/>", caller(), caller(**{**ANNA, "Arn": "x"}), caller(**{**ANNA, "Arn": ""}),
        *(caller(**{key: ANNA[key] for key in ANNA if key != left_out}) for left_out in ANNA),
    ],
)  # fmt: skip
def test_an_answer_of_sts_that_cannot_be_read_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    with answering(content, "text/xml") as url:
        only(monkeypatch, tmp_path, KEYS | REGION | {"AWS_ENDPOINT_URL_STS": url})
        with pytest.raises(AwsServiceError, match="the answer cannot be read"):
            whoami()


CLUSTER: dict[str, Any] = {
    "name": "prod", "arn": "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "status": "ACTIVE", "version": "1.34",
    "endpoint": "https://127.0.0.1:1", "certificateAuthority": {"data": "QQ=="},
}  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "", "<html>sign in</html>", "{}", "[]", "null", "5", '"x"', '{"cluster": null}', '{"cluster": []}',
        '{"cluster": {"name": "prod"', "[" * 100_000,
        *(json.dumps({"cluster": {key: CLUSTER[key] for key in CLUSTER if key != name}}) for name in ("name", "arn")),
        *(
            json.dumps({"cluster": CLUSTER | odd})
            for odd in ({"arn": "x"}, {"arn": ""}, {"certificateAuthority": "x"}, {"accessConfig": 5})
        ),
    ],
)  # fmt: skip
def test_an_answer_of_eks_that_cannot_be_read_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    with answering(content) as url:
        only(monkeypatch, tmp_path, KEYS | REGION | {"AWS_ENDPOINT_URL_EKS": url})
        with pytest.raises(AwsServiceError, match=r"cannot be read|is not an ARN|does not come from AWS") as caught:
            describe_cluster(AwsSession(), "prod")
    assert "HTTPS_PROXY" in caught.value.hint


@pytest.mark.parametrize(
    "key", [{"AccessKeyId": 5, "SecretAccessKey": 6, "SessionToken": 7}, {"Expiration": 5}, {"Expiration": "never"}]
)
def test_credentials_that_are_none_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: dict[str, object]
) -> None:
    given = {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": SECRET, "SessionToken": "t"} | key
    only(monkeypatch, tmp_path, REGION, config=f"[default]\ncredential_process = /bin/echo '{json.dumps(given)}'\n")
    with pytest.raises((AwsServiceError, CredentialsError)) as caught:
        whoami()
    assert SECRET not in told(caught.value)


def test_what_sts_and_metadata_say_cannot_steer_a_terminal() -> None:
    odd = "x\x1b]0;gone\x07\u202e\ny"
    parts: dict[str, Any] = dict.fromkeys(
        ("arn", "canonical_arn", "account", "partition", "user_id", "source", "region", "instance_id", "instance_role"),
        odd,
    )
    for problem in ("", odd):
        shown = str(
            Identity(
                **parts, profile=odd, metadata_problem=problem, cluster=ClusterIdentity(odd, odd, odd, (odd,), odd)
            )
        )
        assert all(line.isprintable() for line in shown.splitlines())
        assert len(shown.splitlines()) == 11
