"""Requests to one API server: each is sent once, with a timeout.

Failures become errors.
"""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlencode

from awsauth.core.revisions.info import FIELD_MANAGER
from awsauth.core.text.display import quoted_value, visible
from awsauth.errors import ApiError, AuthenticationError, AwsAuthError, KubeconfigError, UsageError
from awsauth.kube.address import has_stray_at, without_userinfo
from awsauth.kube.request import AnswerError, Deadline, Request, body_of, let_watch, object_of
from awsauth.options import ConnectionOptions, check_timeout
from awsauth.system.backoff import http_date
from awsauth.system.debug_log import DETAIL, log_debug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import urllib3

    from awsauth.kube.official_client import OfficialClientServer
    from awsauth.kube.server import KubeServer

    # An API server and the caller's credentials. `KubeServer` serves the common kubeconfigs, the other one the rest.
    ServerEndpoint = KubeServer | OfficialClientServer

CONNECT_TIMEOUT: Final = 10.0  # the longest time for establishing a connection, in seconds

JSON: Final = "application/json"


class Answer(NamedTuple):
    """An answer of the API server.

    Attributes:
        value: The object, parsed.
        stamp: The ``Date`` header, or None.
    """

    value: dict[str, Any]
    stamp: str | None

    @property
    def date(self) -> datetime | None:
        """The server's clock; None if the answer does not give it."""
        return http_date(self.stamp)


class Transport:
    """Sends requests to one API server. Safe to use from several threads.

    Each request has a timeout and is sent once. Two kinds are sent a second time, because that cannot change anything
    twice. One is a request whose credentials the server refused, if they can be renewed. The other is a read over a
    connection that the server had closed. An answer may hold 32 MiB, and must not be compressed.

    Args:
        server: The server.
        options: The timeout of a request, at most 10 seconds of it for the connection; and the user to impersonate.
        hint: A likely reason why the server cannot be reached, for the error.

    Raises:
        UsageError: the timeout is not positive, the user or groups are not names, or an ``@`` follows the address's
            host.

    Attributes:
        timeout: Seconds for a request, including its answer.
    """

    def __init__(self, server: ServerEndpoint, options: ConnectionOptions, hint: str = "") -> None:
        check_timeout(options.timeout)
        if has_stray_at(server.address):
            way_out = "Write an `@` in the path as %40, and a `/` in the password as %2F."
            raise UsageError("The address of the API server has an `@` behind its host.", hint=way_out)
        self.timeout = options.timeout
        self._server = server
        self._impersonation = impersonation(options.as_user, options.as_groups)
        self._hint = hint
        self._token: str | None = None

    @property
    def host(self) -> str:
        """The server's address without a user and password, which are never sent."""
        return without_userinfo(self._server.address).rstrip("/")

    @property
    def tls_summary(self) -> str:
        """The state of the server's certificate after an answer, to end a sentence."""
        if not self.host.startswith("https:"):
            return "without encryption"
        if not self._server.verifies:
            return "whose certificate is not verified (insecure-skip-tls-verify)"
        return "whose certificate is valid"

    def with_token(self, token: str, *, acts: bool = False) -> Transport:
        """Return a transport on the same connections, with a token that is not renewed.

        Args:
            token: The bearer token.
            acts: Whether to impersonate the same user.
        """
        other = Transport(self._server, ConnectionOptions(self.timeout), self._hint)
        other._token = token
        if acts:
            other._impersonation = self._impersonation
        return other

    def get(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = JSON) -> dict[str, Any]:
        """Return the object at a path.

        Raises:
            UnreachableError: there was no answer.
            ApiError: the server refused.
            AwsAuthError: the credentials cannot be obtained, or a renewed certificate cannot be used.
        """
        return self.request("GET", path, query, accept=accept).value

    def post(
        self, path: str, body: Any, query: Mapping[str, str] | None = None, *, changes: bool = True, accept: str = JSON
    ) -> dict[str, Any]:
        """Create an object, and return it.

        Args:
            path: The path.
            body: The object.
            query: The query parameters.
            changes: Whether the request changes anything. A review does not, so losing its answer does no harm.
            accept: The media type of the answer.

        Raises:
            OutcomeUnknownError: the request was sent, but the answer is missing or does not tell whether it succeeded.
            UnreachableError: the request was not sent.
            ApiError: the server refused.
            AwsAuthError: the credentials cannot be obtained, or a renewed certificate cannot be used.
        """
        return self.request("POST", path, query, body=body, changes=changes, accept=accept).value

    def put(self, path: str, body: Any, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Replace an object, and return the new one; raises the errors of `post`."""
        return self.request("PUT", path, query, body=body, changes=True).value

    def delete(self, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Delete an object; raises the errors of `post`.

        Args:
            path: The path.
            body: ``DeleteOptions``, with preconditions.
            query: The query parameters.
        """
        return self.request("DELETE", path, query, body=body, changes=True).value

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        changes: bool = False,
        accept: str = JSON,
    ) -> Answer:
        """Send a request, and return the answer with the server's time (see `post`)."""
        asked = dict(query or {})
        if changes and method != "DELETE":
            asked["fieldManager"] = FIELD_MANAGER
        request = Request(method, path, self.host, changes and "dryRun" not in asked)
        url = self.host + path + (f"?{urlencode(asked)}" if asked else "")
        raw = None if body is None else encoded(body)
        headers = self._headers(accept, has_body=raw is not None)
        try:
            return self._answered(request, url, raw, headers)
        except AuthenticationError:
            # The server refuses credentials before it does anything, so a second request cannot change anything twice.
            log_debug("The credentials were refused: asking for new ones")
            renewed = self._headers(accept, has_body=raw is not None, renew=True)
            if renewed.get("authorization") == headers.get("authorization"):
                raise
        return self._answered(request, url, raw, renewed)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def __repr__(self) -> str:
        return f"<Transport {visible(self.host)}>"

    def _answered(self, request: Request, url: str, body: bytes | None, headers: urllib3.HTTPHeaderDict) -> Answer:
        response, data = self._sent(request, url, body, headers)
        log_debug("%s %s: %s", request.method, request.path, response.status)
        audit = response.headers.get("Audit-Id", "-")
        log_debug("%s answered %s bytes, Audit-Id %s", self.host, len(data), audit, level=DETAIL)
        if not 200 <= response.status < 300:
            from awsauth.kube.errors import error_for_response

            error = error_for_response(request, response.status, response.headers, data)
            if response.status < 200:
                # The final answer is still to come; the next request would read it as its own.
                self._server.pool.connection_from_url(url).close()
                self._server.pool.clear()
            if isinstance(error, ApiError):
                error.stamp = response.headers.get("Date", "")
            raise error
        try:
            return Answer(object_of(data), response.headers.get("Date"))
        except AnswerError as error:
            raise self._failed(request, error) from error

    def _sent(
        self, request: Request, url: str, body: bytes | None, headers: urllib3.HTTPHeaderDict
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        """Send a request, and return the answer and its body."""
        from urllib3.exceptions import HTTPError, HTTPWarning
        from urllib3.util import Timeout

        timeout = Timeout(connect=min(CONNECT_TIMEOUT, self.timeout), read=self.timeout)
        options: Any = {"timeout": timeout, "retries": False, "redirect": False, "preload_content": False}
        may_repeat = request.method == "GET"
        pool = self._server.pool
        with Deadline(self.timeout) as deadline:
            while True:
                try:
                    let_watch(pool, url)
                    response = pool.request(request.method, url, body=body, headers=headers, **options)
                    data = body_of(response)
                    if deadline.is_over:
                        raise TimeoutError
                except (HTTPError, HTTPWarning, http.client.HTTPException, OSError, ValueError, MemoryError) as error:
                    if deadline.is_over and deadline.is_sent:
                        raise self._failed(request, TimeoutError()) from error
                    if may_repeat and _is_cut(error):  # a closed connection fails at once
                        may_repeat = False
                        continue
                    raise self._failed(request, error) from error
                return response, data

    def _failed(self, request: Request, error: Exception) -> AwsAuthError:
        from awsauth.kube.errors import error_for_exception

        return error_for_exception(request, error, self._hint)

    def _headers(self, accept: str, *, has_body: bool, renew: bool = False) -> urllib3.HTTPHeaderDict:
        from urllib3 import HTTPHeaderDict

        from awsauth.version import __version__

        headers = HTTPHeaderDict(self._server.headers)
        headers.update({"User-Agent": f"awsauth/{__version__}", "Accept": accept, "Accept-Encoding": "identity"})
        if has_body:
            headers["Content-Type"] = JSON
        own = {"authorization": f"Bearer {self._token}"}
        for name, value in (self._server.credentials(renew=renew) if self._token is None else own).items():
            headers[name] = _checked(value)
        for name, value in self._impersonation:
            headers.add(name, value)
        return headers


def _checked(credential: Any) -> str:
    # http.client would show the whole credential in its own error.
    if isinstance(credential, str) and credential.isascii() and credential.isprintable():
        return credential
    message = "The credentials hold a line break or another character that no HTTP header can carry."
    raise KubeconfigError(message, hint="Correct the token in the kubeconfig, or in the file that it names.")


def _is_cut(error: Exception) -> bool:
    """Whether a connection was closed, also behind a proxy.

    There, urllib3 raises it as the proxy's error.
    """
    from urllib3.exceptions import ProtocolError

    return isinstance(error, ProtocolError) or isinstance(getattr(error, "original_error", None), ConnectionError)


def encoded(body: Any) -> bytes:
    """Return a body as it is sent."""
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a surrogate pair: as an escape it reaches the server, which refuses it
        return json.dumps(body, separators=(",", ":")).encode()


def impersonation(user: str | None, groups: Sequence[str]) -> list[tuple[str, str]]:
    """Return the impersonation headers; none without a user and groups.

    Raises:
        UsageError: the user or a group is not a name, or there are groups without a user.
    """
    if isinstance(groups, str):
        raise UsageError("as_groups is a string.", hint='Pass a list, such as ["viewers"].')
    if user is None and not groups:
        return []
    if not user:
        raise UsageError("as_user is missing or empty.", hint="Is the environment variable set?")
    pairs = [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
    for name, value in pairs:
        named: Any = value
        if not isinstance(named, str) or not named.strip() or not named.isprintable():
            raise UsageError(f"{name} cannot be {quoted_value(value)}.", hint="Pass a name.")
    return [(name, value.encode().decode("latin-1")) for name, value in pairs]
