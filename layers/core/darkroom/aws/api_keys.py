"""Reads the providers' API keys from one Secrets Manager secret. The secret is a JSON object of provider → key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.errors import ErrorCode, OperatorFault, ProviderUnavailable

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

# Secrets Manager's temporary errors (its API reference, "Common Errors"). For all other errors the operator must act.
PASSING_CODES = frozenset(
    {"InternalServiceError", "InternalFailure", "ServiceUnavailable", "ThrottlingException", "RequestTimeout"}
)


@dataclass
class ApiKeys:
    """Gives the providers' keys. They are read when they are first used, and cached until `refresh`. `repr` shows no key."""

    client: SecretsManagerClient
    secret_arn: str
    _keys: dict[str, str] | None = field(default=None, repr=False)

    def get(self, provider: str) -> str:
        """Return the provider's key, or an empty string if the secret has none."""
        if self._keys is None:
            self.refresh()
        return (self._keys or {}).get(provider, "")

    def refresh(self) -> None:
        """Read the secret again, so that a rotated key is used without a redeploy. A malformed secret counts as empty.

        Raises OperatorFault if the secret may not be read or is missing, and ProviderUnavailable if it cannot be read now.
        """
        text = self._read()
        try:
            stored = json.loads(text)
        except ValueError:
            stored = {}
        pairs = stored.items() if isinstance(stored, dict) else ()
        self._keys = {str(name): value.strip() for name, value in pairs if isinstance(value, str)}

    def _read(self) -> str:
        try:
            return self.client.get_secret_value(SecretId=self.secret_arn).get("SecretString", "")
        except BotoCoreError as error:
            code, is_passing = type(error).__name__, True
        except ClientError as error:
            code = error.response["Error"]["Code"]
            is_passing = code in PASSING_CODES
        if is_passing:
            raise ProviderUnavailable(f"the secret of the API keys could not be read now ({code})")
        raise OperatorFault(
            ErrorCode.AUTH_FAILED,
            f"the secret of the API keys may not be read ({code}): restore it, or let the stack's roles read it and its KMS key"
            " (stack output ApiKeysSecretArn)",
        )
