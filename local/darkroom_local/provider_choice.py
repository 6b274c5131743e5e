"""Decides which providers a local stack has, which of them are simulated, and with which keys. It starts nothing.

Only Topaz can be real here. The other providers fetch a picture by a link, and none can reach a bucket on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from darkroom_local import simulator_processes

CAN_BE_REAL = "topaz"
ALONE = "With a real Topaz key, Topaz serves alone: the others fetch pictures by link, and none can reach this machine."


class NotServed(ValueError):
    """A setting names a provider that this stack does not have."""


@dataclass(frozen=True)
class Cast:
    """The providers of a stack, and the key of the real one if there is one."""

    providers: tuple[str, ...]
    topaz_api_key: str | None = field(default=None, repr=False)

    @property
    def simulated(self) -> tuple[str, ...]:
        """The providers that are simulated."""
        return tuple(name for name in self.providers if name != CAN_BE_REAL or self.topaz_api_key is None)

    @property
    def keys(self) -> dict[str, str]:
        """The API keys for the stack's secret, by provider."""
        real = {CAN_BE_REAL: self.topaz_api_key} if self.topaz_api_key else {}
        return {name: simulator_processes.simulated_key(name) for name in self.simulated} | real

    def parameters(self, urls: Mapping[str, str]) -> dict[str, str]:
        """Return the stack parameters for these providers. `urls` maps each simulated provider to its simulator."""
        bases = {f"{name.capitalize()}BaseUrl": url for name, url in urls.items()}
        return bases | {"AllowedProviders": ",".join(self.providers)}

    def check(self, settings: Mapping[str, str]) -> None:
        """Raises NotServed if the settings of a run ask for what this machine cannot have."""
        said = {key.lower().replace("-", "_"): value.lower() for key, value in settings.items()}
        asked = said.get("provider", CAN_BE_REAL)
        if asked in simulator_processes.vendors() and asked not in self.providers:
            why = f"{ALONE} To have {asked} simulated beside it" if self.topaz_api_key else "To have it"
            names = ",".join([*self.providers, asked])
            raise NotServed(f"provider={asked} is not served. {why}: --parameter AllowedProviders={names}.")
        if self.topaz_api_key and asked == CAN_BE_REAL and said.get("input_by") == "link":
            raise NotServed("input_by=link cannot work here: the real Topaz reaches no bucket of this machine.")


def cast(topaz_api_key: str | None, parameters: Mapping[str, str]) -> Cast:
    """Return the choice: all simulated without a key, Topaz alone with one, unless the stack parameters name others."""
    named = {name.strip().lower() for name in parameters.get("AllowedProviders", "").split(",")} - {""}
    if not named and topaz_api_key:
        named = {CAN_BE_REAL, parameters.get("Provider", CAN_BE_REAL)}
    return Cast(tuple(name for name in simulator_processes.vendors() if not named or name in named), topaz_api_key)
