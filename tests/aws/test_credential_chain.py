"""A session gets the credentials and settings of botocore's own session, without loading that."""

from __future__ import annotations

import json
import threading
from collections import Counter
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES

from awsauth.aws.session import AwsSession
from tests.support.aws.aws_environment import KEYS, only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LATER = "2999-01-01T00:00:00Z"
_GIVEN = {"AccessKeyId": "ASIAGIVEN", "SecretAccessKey": "given", "Token": "t", "Expiration": _LATER, "Code": "Success"}
_PRINTED = {"Version": 1, "AccessKeyId": "AKIAPRINTED", "SecretAccessKey": "printed", "SessionToken": "t"}
_PROCESS = f"credential_process = echo {json.dumps(json.dumps(_PRINTED))}\n"
_OWN = "aws_access_key_id = {0}\naws_secret_access_key = s-{0}\n"
_TOKEN = {"AWS_SESSION_TOKEN": "token"}
_IDENTITY = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/a"}
_SSO = "sso_start_url = https://a\nsso_region = eu-west-1\nsso_account_id = 111122223333\nsso_role_name = a\n"
_ROLE = "role_arn = arn:aws:iam::111122223333:role/a\n"

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "nothing": {},
    "keys": KEYS,
    "keys and a token": KEYS | _TOKEN,
    "keys and an older token": KEYS | _TOKEN | {"AWS_SECURITY_TOKEN": "older"},
    "keys and an empty token": KEYS | {"AWS_SESSION_TOKEN": ""},
    "keys that expire": KEYS | _TOKEN | {"AWS_CREDENTIAL_EXPIRATION": _LATER},
    "keys and a profile": KEYS | {"AWS_PROFILE": "ops"},
    "a profile": {"AWS_PROFILE": "ops"},
    "an empty profile": {"AWS_PROFILE": ""},
    "the default profile": {"AWS_PROFILE": "default"},
    "two profiles": {"AWS_PROFILE": "ops", "AWS_DEFAULT_PROFILE": "default"},
    "a profile that does not exist": {"AWS_PROFILE": "none"},
    "half a pair": {"AWS_ACCESS_KEY_ID": "AKIAHALF"},
    "an empty key": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "s"},
    "a web identity": _IDENTITY,
    "a web identity and keys": _IDENTITY | KEYS,
    "a container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "SERVER/container"},
    "an instance": {"AWS_EC2_METADATA_DISABLED": "false"},
    "an instance, by version 2 alone": {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_V1_DISABLED": "true"},
    "an instance, of an unknown kind": {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv5"},
    "an unreadable number": {"AWS_METADATA_SERVICE_TIMEOUT": "soon"},
}
# The configuration file and the credentials file.
FILES: dict[str, tuple[str, str]] = {
    "none": ("", ""),
    "keys": ("", f"[default]\n{_OWN.format('A')}[ops]\n{_OWN.format('B')}aws_session_token = t\n"),
    "keys in the configuration": (f"[default]\n{_OWN.format('C')}[profile ops]\nregion = eu-west-1\n{_OWN.format('D')}", ""),
    "both": (f"[default]\nregion = eu-west-3\n[profile ops]\n{_OWN.format('E')}", f"[ops]\n{_OWN.format('F')}region = eu-west-2\n"),
    "half a pair": ("", "[default]\naws_access_key_id = A\n"),
    "a role": (f"[default]\n{_ROLE}source_profile = ops\n[profile ops]\n{_OWN.format('G')}", ""),
    "a role of the environment": (f"[default]\n{_ROLE}credential_source = Environment\n[profile ops]\n", ""),
    "a role without a source": (f"[default]\n{_ROLE}[profile ops]\n", ""),
    "a web identity": (f"[default]\n{_ROLE}web_identity_token_file = /nowhere\n[profile ops]\n", ""),
    "single sign-on": (f"[default]\n{_SSO}[profile ops]\n{_SSO}", ""),
    "a program": (f"[default]\n{_PROCESS}[profile ops]\n{_PROCESS}", ""),
    "a program and keys": (f"[default]\n{_PROCESS}", f"[default]\n{_OWN.format('H')}[ops]\n"),
    "a setting": ("[default]\nec2_metadata_v1_disabled = true\nca_bundle = /ca\n[profile ops]\nuse_fips_endpoint = true\n", ""),
    "not a file of settings": ("[default\n", ""),
}  # fmt: skip


requests: Counter[str] = Counter()  # to `server`, by path


@pytest.fixture
def server() -> Iterator[str]:
    """Serve the credentials of a container and of an instance."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._answer("token")

        def do_GET(self) -> None:
            requests[self.path] += 1
            self._answer("role" if self.path.endswith("/security-credentials/") else json.dumps(_GIVEN))

        def _answer(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def put(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    def put(environment: str, files: str) -> None:
        variables = {name: text.replace("SERVER", server) for name, text in ENVIRONMENTS[environment].items()}
        config, keys = FILES[files]
        only(monkeypatch, tmp_path, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server} | variables, config=config, keys=keys)

    return put


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whichever botocore raises
        return type(error), str(error)


def _shown(found: Any) -> Any:
    """Return what is known of credentials without a request to STS or single sign-on."""
    if isinstance(found, tuple) or found is None:
        return found
    is_deferred = found.method in ("assume-role", "assume-role-with-web-identity", "sso")
    frozen = None if is_deferred else found.get_frozen_credentials()
    return type(found), found.method, frozen and (frozen.access_key, frozen.secret_key, frozen.token)


@pytest.mark.parametrize("profile", [None, "ops", "none"])
@pytest.mark.parametrize("files", FILES)
def test_the_credentials_are_those_of_botocores_session(
    put: Callable[[str, str], None], files: str, profile: str | None
) -> None:
    for environment in ENVIRONMENTS:
        put(environment, files)
        own = _shown(_outcome(AwsSession(profile=profile).load_credentials))
        assert own == _shown(_outcome(botocore.session.Session(profile=profile).get_credentials)), environment


@pytest.mark.parametrize("profile", [None, "ops", "none"])
def test_the_settings_are_those_of_botocores_session(put: Callable[[str, str], None], profile: str | None) -> None:
    for environment, files in product(ENVIRONMENTS, FILES):
        put(environment, files)
        own, theirs = AwsSession(profile=profile), botocore.session.Session(profile=profile)
        for name in VARIABLES:
            found = _outcome(partial(own.get_config_variable, name))
            assert found == _outcome(partial(theirs.get_config_variable, name)), (environment, files, name)
        assert _outcome(own.get_scoped_config) == _outcome(theirs.get_scoped_config)
        assert _outcome(partial(getattr, own, "full_config")) == _outcome(partial(getattr, theirs, "full_config"))


def test_the_session_of_clients_has_the_same_credentials(put: Callable[[str, str], None]) -> None:
    put("an instance", "none")
    session = AwsSession(region="eu-west-1")
    found = session.credentials()
    session.new_client("sts", region_name="eu-west-1")
    assert session.botocore.get_credentials() is found
    assert requests["/latest/meta-data/iam/security-credentials/"] == 1


def test_credentials_are_not_shown(put: Callable[[str, str], None]) -> None:
    put("keys and a token", "none")
    shown = repr(AwsSession().credentials())
    assert "token" not in shown
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in shown
