"""The secret with the providers' API keys, for the operator: it stores one key and leaves the others. No message shows a key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from darkroom.adapters import quiet_loggers
from darkroom.errors import Inapplicable

if TYPE_CHECKING:
    from darkroom.ports import Provider
    from darkroom_cli.stack.deployment import Deployment


@dataclass(frozen=True)
class GivenKey:
    """A key that is not stored yet. It implements `http_client.Keys`."""

    key: str = field(repr=False)

    def get(self, provider: str) -> str:
        """Return the key."""
        return self.key

    def refresh(self) -> None:
        """Do nothing: there is no other key."""


def with_key(deployed: Deployment, provider: str, key: str) -> Provider:
    """Return the provider's adapter for this stack, with that key."""
    from darkroom.providers import registry

    adapters = deployed.container.adapters
    url = deployed.container.configuration.text(f"{provider.upper()}_BASE_URL")
    return registry.build(provider, url, GivenKey(key), adapters.http, lambda: adapters.tls_context)


def store(deployed: Deployment, provider: str, key: str) -> bool:
    """Write the key into the stack's secret. Return False if the secret has it already. Raises Inapplicable if the secret is no
    JSON object, and errors of boto3.

    The secret is read, changed and written back, so nobody else should change it at the same time.
    """
    quiet_loggers()  # at DEBUG, botocore would log the secret
    client: Any = deployed.client("secretsmanager")
    arn = deployed.container.configuration.text("API_KEYS_SECRET_ARN")
    keys = _read(client.get_secret_value(SecretId=arn).get("SecretString", ""), arn)
    if keys.get(provider) == key:
        return False
    client.put_secret_value(SecretId=arn, SecretString=json.dumps({**keys, provider: key}))
    return True


def damage(deployed: Deployment) -> str | None:
    """Return what is wrong with the secret and the command that repairs it, None if it is a JSON object. Raises errors of
    boto3."""
    quiet_loggers()  # at DEBUG, botocore would log the secret
    arn = deployed.container.configuration.text("API_KEYS_SECRET_ARN")
    client: Any = deployed.client("secretsmanager")
    try:
        _read(client.get_secret_value(SecretId=arn).get("SecretString", ""), arn)
    except Inapplicable:
        return f"the secret of the API keys is no JSON object. {to_repair(arn)}"
    return None


def to_repair(arn: str) -> str:
    """Return the command that makes the secret an empty JSON object, and what to do after it."""
    return (
        f"To overwrite it with an empty object: aws secretsmanager put-secret-value --secret-id {arn} --secret-string '{{}}'\n"
        "Then store each key with: darkroom keys set PROVIDER"
    )


def _read(text: str, arn: str) -> dict[str, Any]:
    try:
        keys = json.loads(text or "{}")
    except ValueError:
        keys = None
    if not isinstance(keys, dict):
        raise Inapplicable(f"the secret of the API keys is no JSON object, and nothing was changed. {to_repair(arn)}")
    return keys
