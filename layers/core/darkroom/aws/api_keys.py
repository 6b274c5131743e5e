"""API keys: one Secrets Manager secret, a JSON object from provider to key, read once a container."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient


@dataclass
class ApiKeys:
    """The keys, cached until `refresh`. The text form shows none."""

    client: SecretsManagerClient
    secret_arn: str
    _keys: dict[str, str] | None = field(default=None, repr=False)

    def get(self, provider: str) -> str:
        """The provider's key, empty when none was put in."""
        if self._keys is None:
            self.refresh()
        return (self._keys or {}).get(provider, "")

    def refresh(self) -> None:
        """Reads the secret again: a rotation is noticed without a redeploy. A malformed secret counts as empty."""
        text = self.client.get_secret_value(SecretId=self.secret_arn)["SecretString"]
        try:
            stored = json.loads(text)
        except ValueError:
            stored = {}
        pairs = stored.items() if isinstance(stored, dict) else ()
        self._keys = {str(name): value.strip() for name, value in pairs if isinstance(value, str)}
