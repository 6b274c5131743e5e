"""API keys: reads the providers' keys from one Secrets Manager secret, a JSON object from provider to key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient


@dataclass
class ApiKeys:
    """The keys, read at first use and cached until `refresh`. Its text form shows no key."""

    client: SecretsManagerClient
    secret_arn: str
    _keys: dict[str, str] | None = field(default=None, repr=False)

    def get(self, provider: str) -> str:
        """Return the provider's key, empty if the secret has none."""
        if self._keys is None:
            self.refresh()
        return (self._keys or {}).get(provider, "")

    def refresh(self) -> None:
        """Read the secret again, so that a rotated key is used without a redeploy. A malformed secret counts as empty."""
        text = self.client.get_secret_value(SecretId=self.secret_arn)["SecretString"]
        try:
            stored = json.loads(text)
        except ValueError:
            stored = {}
        pairs = stored.items() if isinstance(stored, dict) else ()
        self._keys = {str(name): value.strip() for name, value in pairs if isinstance(value, str)}
