"""Calls to one vendor with its key: a 401 re-reads the secret once, and every failure is one of our errors.

What a status means is in `http`; what an answer holds is the adapter's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from darkroom.errors import ErrorCode, OperatorFault, ProcessUnknown, ProviderUnavailable
from darkroom.providers import http_client


def bearer(key: str) -> dict[str, str]:
    """The header most vendors want."""
    return {"Authorization": f"Bearer {key}"}


@dataclass
class AuthenticatedClient:
    """How one vendor is reached. One per container; the text form shows no key."""

    name: str
    base_url: str
    keys: http_client.Keys = field(repr=False)
    client: httpx.Client = field(repr=False)
    key_header: Callable[[str], dict[str, str]] = field(default=bearer, repr=False)
    of_funds: frozenset[int] = http_client.FUNDS_STATUS  # statuses that mean: the account lacks money or a subscription

    def read(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The 2xx answer about one process. Raises ProcessUnknown for a 404, OperatorFault, Throttled, ProviderUnavailable."""
        response = self.ask(method, path, **options)
        http_client.raise_for_read(response, self.of_funds)
        return response

    def read_of_all(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A read that names no process: a 404 there means a wrong base URL, not an unknown process."""
        try:
            return self.read(method, path, **options)
        except ProcessUnknown as wrong:
            raise ProviderUnavailable(f"{wrong}: check the base URL of {self.name}") from None

    def ask(self, method: str, path: str, *, base: str | None = None, **options: Any) -> httpx.Response:
        """Whatever the vendor answers to a call that spends nothing. Raises ProviderUnavailable, OperatorFault."""

        def call(key: str) -> httpx.Response:
            try:
                url = f"{base or self.base_url}/{path}"
                request = self.client.build_request(method, url, headers=self.key_header(key), **options)
                return http_client.exchange(self.client, request, key)
            except http_client.CALL_ERRORS as error:
                raise ProviderUnavailable(f"the provider did not answer ({type(error).__name__})") from None

        return self.authorised(call)

    def pay(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = http_client.SUBMIT_TIMEOUT,
        send: Callable[..., httpx.Response] = http_client.exchange,
    ) -> httpx.Response:
        """POSTs JSON to an endpoint that spends money; the answer is not judged. Raises NothingSent, SubmitInDoubt,
        OperatorFault. `send` may leave the answer's body unread."""

        def post(key: str) -> httpx.Response:
            try:
                request = self.client.build_request(
                    "POST",
                    f"{self.base_url}/{path}",
                    json=dict(body),
                    timeout=timeout,
                    headers={**(headers or {}), **self.key_header(key)},
                )
                return send(self.client, request, key)
            except Exception as error:  # whatever it was: only a connection never made proves that nothing was sent
                raise http_client.submit_error(error) from None

        return self.authorised(post)

    def authorised(self, call: Callable[[str], httpx.Response]) -> httpx.Response:
        """Makes the call with the key; a 401 re-reads the key once and repeats only if it changed."""
        http_client.check_base_url(self.name, self.base_url)
        key = self.keys.get(self.name)
        response = call(key) if http_client.is_sendable(key) else None
        if response is not None and response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        self.keys.refresh()
        fresh = self.keys.get(self.name)
        if not http_client.is_sendable(fresh):
            what = "a key that no header can carry" if fresh else "no key"
            raise OperatorFault(
                ErrorCode.AUTH_FAILED,
                f"the secret holds {what} for {self.name}: put one in (stack output ApiKeysSecretArn)",
            )
        return call(fresh) if response is None or fresh != key else response

    def fingerprint(self) -> str:
        """Tells keys apart in the ledger."""
        return http_client.fingerprint(self.keys.get(self.name))
