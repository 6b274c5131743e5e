"""Who serves in a local stack: the providers that uploads may name, which of them are simulated, and their keys.

Only Topaz can be real here. The other vendors fetch a picture by its link, and none reaches a bucket on loopback.
It must not start anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from darkroom_local import simulator_processes

CAN_BE_REAL = "topaz"
ALONE = "With a real Topaz key, Topaz serves alone: the others fetch pictures by link, and none can reach this machine."


class NotServed(ValueError):
    """A setting asks for a provider that this stack does not have."""


@dataclass(frozen=True)
class Cast:
    """The providers of one stack, and the key of the real one if there is one."""

    providers: tuple[str, ...]
    topaz_api_key: str | None = field(default=None, repr=False)

    @property
    def simulated(self) -> tuple[str, ...]:
        """All but the real one."""
        return tuple(name for name in self.providers if name != CAN_BE_REAL or self.topaz_api_key is None)

    @property
    def keys(self) -> dict[str, str]:
        """What the stack's secret holds."""
        real = {CAN_BE_REAL: self.topaz_api_key} if self.topaz_api_key else {}
        return {name: simulator_processes.simulated_key(name) for name in self.simulated} | real

    def parameters(self, urls: Mapping[str, str]) -> dict[str, str]:
        """The stack parameters that make it so, given where each simulator serves."""
        bases = {f"{name.capitalize()}BaseUrl": url for name, url in urls.items()}
        return bases | {"AllowedProviders": ",".join(self.providers)}

    def check(self, settings: Mapping[str, str]) -> None:
        """Raises NotServed when a run's settings ask for what this machine cannot have."""
        said = {key.lower().replace("-", "_"): value.lower() for key, value in settings.items()}
        asked = said.get("provider", CAN_BE_REAL)
        if asked in simulator_processes.vendors() and asked not in self.providers:
            why = f"{ALONE} To have {asked} simulated beside it" if self.topaz_api_key else "To have it"
            names = ",".join([*self.providers, asked])
            raise NotServed(f"provider={asked} is not served. {why}: --parameter AllowedProviders={names}.")
        if self.topaz_api_key and asked == CAN_BE_REAL and said.get("input_by") == "link":
            raise NotServed("input_by=link cannot work here: the real Topaz reaches no bucket of this machine.")


def cast(topaz_api_key: str | None, parameters: Mapping[str, str]) -> Cast:
    """All simulated without a key, Topaz alone with one, unless the stack parameters name others."""
    named = {name.strip().lower() for name in parameters.get("AllowedProviders", "").split(",")} - {""}
    if not named and topaz_api_key:
        named = {CAN_BE_REAL, parameters.get("Provider", CAN_BE_REAL)}
    return Cast(tuple(name for name in simulator_processes.vendors() if not named or name in named), topaz_api_key)
