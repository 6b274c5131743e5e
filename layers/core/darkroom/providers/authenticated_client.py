"""Calls one vendor with its API key. After a 401 the key is read again once, and every failure becomes one of our errors.

`http_client` knows what a status means. The adapter knows what a response body contains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from darkroom.errors import KeyMissing, ProcessUnknown, ProviderRejected, ProviderUnavailable
from darkroom.providers import http_client

# The statuses of a submit to an address that is not there. assumed: vendors may also say 404 of a model that is gone.
NO_SUCH_PATH = frozenset({httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED})


def bearer(key: str) -> dict[str, str]:
    """Return the Authorization header with the key, as most vendors expect it."""
    return {"Authorization": f"Bearer {key}"}


@dataclass
class AuthenticatedClient:
    """Sends requests to one vendor with its key. There is one instance per container. Its `repr` shows no key."""

    name: str
    base_url: str
    keys: http_client.Keys = field(repr=False)
    client: httpx.Client = field(repr=False)
    key_header: Callable[[str], dict[str, str]] = field(default=bearer, repr=False)
    out_of_funds: frozenset[int] = http_client.OUT_OF_FUNDS_STATUSES  # statuses for no money or no subscription

    def read_process(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the 2xx response to a request about one process. Raises ProcessUnknown for a 404; for other failures
        OperatorFault, Throttled or ProviderUnavailable."""
        response = self.call(method, path, **options)
        http_client.raise_for_read(response, self.out_of_funds)
        return response

    def read(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the 2xx response to a request that names no process. A 404 then means that the base URL is wrong. Raises
        OperatorFault, Throttled, ProviderUnavailable."""
        try:
            return self.read_process(method, path, **options)
        except ProcessUnknown as not_found:
            raise ProviderUnavailable(f"{not_found}: check the base URL of {self.name}") from None

    def call(self, method: str, path: str, *, base: str | None = None, **options: Any) -> httpx.Response:
        """Return the response to a call that spends nothing, whatever its status. Raises ProviderUnavailable,
        OperatorFault."""

        def send(key: str) -> httpx.Response:
            try:
                url = f"{base or self.base_url}/{path}"
                request = self.client.build_request(method, url, headers=self.key_header(key), **options)
                return http_client.send_and_read(self.client, request, key)
            except http_client.CALL_ERRORS as error:
                raise ProviderUnavailable(f"the provider did not answer ({type(error).__name__})") from None

        return self.call_with_key(send)

    def post_paid(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        base: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = http_client.SUBMIT_TIMEOUT,
        send: Callable[..., httpx.Response] = http_client.send_and_read,
    ) -> httpx.Response:
        """POST JSON to an endpoint that spends money and return the response, whatever its status. Raises NothingSent,
        SubmitInDoubt, OperatorFault. `send` may leave the response body unread."""

        def post(key: str) -> httpx.Response:
            try:
                request = self.client.build_request(
                    "POST",
                    f"{base or self.base_url}/{path}",
                    json=dict(body),
                    timeout=timeout,
                    headers={**(headers or {}), **self.key_header(key)},
                )
                return send(self.client, request, key)
            except Exception as error:  # nothing was sent only if no connection was made; `submit_error` decides
                raise http_client.submit_error(error) from None

        return self.call_with_key(post)

    def check_submit(self, response: httpx.Response) -> None:
        """Raise unless a submit got a 2xx status, as `http_client.raise_for_submit` does. A 404 or 405 is no verdict on the
        picture, so its message names the base URL and the operator."""
        try:
            http_client.raise_for_submit(response, self.out_of_funds)
        except ProviderRejected:
            if response.status_code not in NO_SUCH_PATH:
                raise
            raise ProviderRejected(
                f"{self.name} has no such address or model, {http_client.error_text(response)}. Whoever runs the stack must "
                f"check the parameter {self.name.capitalize()}BaseUrl, which leads to {http_client.place(self.base_url)}"
            ) from None

    def call_with_key(self, send: Callable[[str], httpx.Response]) -> httpx.Response:
        """Return the response of `send(key)`. After a 401 the key is read again. If the key has changed, `send` is called once
        more. Raises KeyMissing if there is no usable key, and what `send` raises."""
        http_client.check_base_url(self.name, self.base_url)
        key = self.keys.get(self.name)
        response = send(key) if http_client.is_sendable(key) else None
        if response is not None and response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        self.keys.refresh()
        new_key = self.keys.get(self.name)
        if not http_client.is_sendable(new_key):
            what = "a key that no header can carry" if new_key else "no key"
            raise KeyMissing(
                f"the secret holds {what} for {self.name}: put a key into the secret (stack output ApiKeysSecretArn)"
            )
        return send(new_key) if response is None or new_key != key else response

    def fingerprint(self) -> str:
        """Return the fingerprint of the API key and the base URL. The ledger stores it to tell accounts apart."""
        return http_client.fingerprint(self.keys.get(self.name), self.base_url)
