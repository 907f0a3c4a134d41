"""Requests to one API server: each sent once, with a time-out, and its failure told as an error of this library."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from awsauth.core.revisions.info import FIELD_MANAGER
from awsauth.core.text.display import quoted_value, visible
from awsauth.debug_log import DETAIL, log_debug
from awsauth.errors import ApiError, AuthenticationError, AwsAuthError, KubeconfigError, UsageError
from awsauth.kube.request import (
    Answer,
    AnswerError,
    Request,
    encoded,
    has_stray_at,
    impersonation,
    object_of,
    without_userinfo,
)
from awsauth.kube.request_limits import Deadline, body_of, let_watch
from awsauth.options import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import urllib3

    from awsauth.kube.credentials import ServerEndpoint

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to wait for a connection, at most."""

JSON: Final = "application/json"


def check_timeout(timeout: Any) -> None:
    """Check that this is a time-out.

    Raises:
        UsageError: it is no positive number.
    """
    if not isinstance(timeout, (int, float)) or not timeout > 0:
        raise UsageError(
            f"The time-out is {quoted_value(timeout, 60)}.", hint="Give a number of seconds, greater than 0."
        )


class Transport:
    """One API server. Safe to use from several threads.

    Every request has a time-out, and is sent once, with two exceptions in which nothing can be done twice: when the
    server does not know the credentials and they can be renewed, and when a read met a connection that the server had
    closed in the meantime. An answer may hold 32 MiB, and may not be compressed.

    Args:
        server: The server.
        timeout: Seconds that a request may take, its answer included; for a connection, at most 10 of them.
        as_user: The user to act as (impersonation).
        as_groups: The groups to act as a member of; needs `as_user`.
        hint: Why it may be that the server cannot be reached, for the error that says so.

    Raises:
        UsageError: the time-out is no positive number, or the user or groups to act as are none; or the address has an
            ``@`` behind its host.
    """

    def __init__(
        self,
        server: ServerEndpoint,
        *,
        timeout: float = TIMEOUT,
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        hint: str = "",
    ) -> None:
        check_timeout(timeout)
        if has_stray_at(server.address):
            raise UsageError(
                "The address of the API server has an `@` behind its host; nothing was sent.",
                hint="Write it as %40 in a path; and a `/` in a password as %2F.",
            )
        self._server = server
        self._timeout = timeout
        self._impersonation = impersonation(as_user, as_groups)
        self._hint = hint
        self._token: str | None = None

    @property
    def timeout(self) -> float:
        """Seconds that a request may take."""
        return self._timeout

    @property
    def host(self) -> str:
        """The server's address, without the user and password that may stand in it: they are never sent."""
        return without_userinfo(self._server.address).rstrip("/")

    @property
    def trust(self) -> str:
        """What is known of the server's certificate once it has answered, as the end of a sentence."""
        if not self.host.startswith("https:"):
            return "without encryption"
        if not self._server.verifies:
            return "whose certificate is not looked at (insecure-skip-tls-verify)"
        return "whose certificate is right"

    def with_token(self, token: str, *, acts: bool = False) -> Transport:
        """Return requests to the same server over the same connections, as whoever has a token, which is not renewed.

        Args:
            token: The bearer token.
            acts: Whether to act as the same user as this one does.
        """
        other = Transport(self._server, timeout=self._timeout, hint=self._hint)
        other._token = token
        if acts:
            other._impersonation = self._impersonation
        return other

    def get(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = JSON) -> dict[str, Any]:
        """Return what is at a path.

        Raises:
            UnreachableError: there was no answer.
            ApiError: the server refused.
            AwsAuthError: the credentials cannot be had, or a certificate that was renewed cannot be used.
        """
        return self.request("GET", path, query, accept=accept).value

    def post(
        self, path: str, body: Any, query: Mapping[str, str] | None = None, *, changes: bool = True, accept: str = JSON
    ) -> dict[str, Any]:
        """Make an object, and return it.

        Args:
            path: Where.
            body: The object.
            query: As in the address.
            changes: Whether something is changed by it; not so for reviews, whose answers may be lost without harm.
            accept: The form of the answer.

        Raises:
            OutcomeUnknownError: it was sent and there was no answer, or one that does not tell what was done.
            UnreachableError: it was not sent.
            ApiError: the server refused.
            AwsAuthError: the credentials cannot be had, or a certificate that was renewed cannot be used.
        """
        return self.request("POST", path, query, body=body, changes=changes, accept=accept).value

    def put(self, path: str, body: Any, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Replace an object, and return what it is now; raises what `post` does."""
        return self.request("PUT", path, query, body=body, changes=True).value

    def delete(self, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Delete an object; raises what `post` does.

        Args:
            path: Where.
            body: ``DeleteOptions``, with preconditions.
            query: As in the address.
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
        """Send any request, and return the answer with the server's time (see `post`)."""
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
            # Who asks is settled before anything is done: sending it again cannot do anything twice.
            log_debug("The credentials were refused: asking for new ones")
            renewed = self._renewed(accept, has_body=raw is not None)
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
        log_debug(
            "%s answered %s bytes, Audit-Id %s",
            self.host,
            len(data),
            response.headers.get("Audit-Id", "-"),
            level=DETAIL,
        )
        if not 200 <= response.status < 300:
            from awsauth.kube.errors import error_for_response

            error = error_for_response(request, response.status, response.headers, data)
            if response.status < 200:
                # The answer that is still to come would be taken for that to another request.
                self._server.pool.connection_from_url(url).close()
                self._server.pool.clear()
            if isinstance(error, ApiError):
                error.stamp = response.headers.get("Date", "")
            raise error
        try:
            value = object_of(data)
        except AnswerError as error:
            raise self._failed(request, error) from error
        return Answer(value, response.headers.get("Date"))

    def _sent(
        self, request: Request, url: str, body: bytes | None, headers: urllib3.HTTPHeaderDict
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        """Return the answer, which is given back to its pool, and its body."""
        from urllib3.exceptions import HTTPError, HTTPWarning
        from urllib3.util import Timeout

        timeout = Timeout(connect=min(CONNECT_TIMEOUT, self._timeout), read=self._timeout)
        options: Any = {"timeout": timeout, "retries": False, "redirect": False, "preload_content": False}
        may_repeat = request.method == "GET"
        pool = self._server.pool
        with Deadline(self._timeout) as deadline:
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
                    # A connection that had been closed is found out at once.
                    if may_repeat and _is_cut(error):
                        may_repeat = False
                        continue
                    raise self._failed(request, error) from error
                return response, data

    def _failed(self, request: Request, error: Exception) -> AwsAuthError:
        from awsauth.kube.errors import error_for_exception

        return error_for_exception(request, error, self._hint)

    def _headers(self, accept: str, *, has_body: bool) -> urllib3.HTTPHeaderDict:
        from urllib3 import HTTPHeaderDict

        from awsauth.version import __version__

        headers = HTTPHeaderDict(self._server.headers)
        headers.update({"User-Agent": f"awsauth/{__version__}", "Accept": accept, "Accept-Encoding": "identity"})
        if has_body:
            headers["Content-Type"] = JSON
        for name, value in self._credentials().items():
            headers[name] = value
        for name, value in self._impersonation:
            headers.add(name, value)
        return headers

    def _credentials(self) -> Mapping[str, str]:
        known = self._token
        found = self._server.credentials() if known is None else {"authorization": f"Bearer {known}"}
        values: Collection[Any] = found.values()
        for value in values:
            # http.client would show the whole credential in its complaint.
            if not isinstance(value, str) or not value.isascii() or not value.isprintable():
                raise KubeconfigError(
                    "The credentials hold a line break or another character that no request can carry; "
                    "nothing was sent.",
                    hint="Look at the token in the kubeconfig, or in the file that it names.",
                )
        return found

    def _renewed(self, accept: str, *, has_body: bool) -> urllib3.HTTPHeaderDict:
        if self._token is None:
            self._server.expire()
        return self._headers(accept, has_body=has_body)


def _is_cut(error: Exception) -> bool:
    """Whether a connection was closed; behind a proxy, urllib3 tells that as the proxy's fault."""
    from urllib3.exceptions import ProtocolError, ProxyError

    return isinstance(error, ProtocolError) or (
        isinstance(error, ProxyError) and isinstance(error.original_error, ConnectionError)
    )
