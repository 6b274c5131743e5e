"""Decides which providers a local stack has, which of them are simulated, and which keys they get. It starts nothing.

Only Topaz can be real here. The other providers fetch pictures by a link, and they cannot reach a bucket on this machine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from darkroom_local.stack import simulator_processes

CAN_BE_REAL = "topaz"
ALONE = (
    "With a real Topaz key, only Topaz is used, because the other providers could not fetch pictures from this machine."
)


class NotServed(ValueError):
    """A setting names a provider that this stack does not have, or a parameter asks for what it cannot do."""


@dataclass(frozen=True)
class Cast:
    """The providers of a stack, and the API key of the real provider if there is one."""

    providers: tuple[str, ...]
    topaz_api_key: str | None = field(default=None, repr=False)

    @property
    def simulated(self) -> tuple[str, ...]:
        """The providers that are simulated."""
        return tuple(name for name in self.providers if name != CAN_BE_REAL or self.topaz_api_key is None)

    @property
    def keys(self) -> dict[str, str]:
        """Provider → API key, for the stack's secret."""
        real = {CAN_BE_REAL: self.topaz_api_key} if self.topaz_api_key else {}
        return {name: simulator_processes.simulated_key(name) for name in self.simulated} | real

    def parameters(self, urls: Mapping[str, str]) -> dict[str, str]:
        """Return the stack parameters for these providers. `urls` maps each simulated provider to its simulator."""
        bases = {f"{name.capitalize()}BaseUrl": url for name, url in urls.items()}
        return bases | {"AllowedProviders": ",".join(self.providers)}

    def check(self, settings: Mapping[str, str]) -> None:
        """Raise NotServed if the settings name a provider or a way of sending that this stack does not have."""
        said = {key.lower().replace("-", "_"): value.lower() for key, value in settings.items()}
        asked = said.get("provider", CAN_BE_REAL)
        if asked in simulator_processes.vendors() and asked not in self.providers:
            why = f"{ALONE} To simulate {asked} too" if self.topaz_api_key else "To add it"
            names = ",".join([*self.providers, asked])
            raise NotServed(
                f"This stack does not have provider={asked}. {why}, give --parameter AllowedProviders={names}."
            )
        if self.topaz_api_key and asked == CAN_BE_REAL and said.get("input_by") == "link":
            raise NotServed("input_by=link cannot work here, because the real Topaz reaches no bucket on this machine.")

    def check_simulated(self, faults: Collection[str], speed: float) -> None:
        """Raise NotServed for a fault or a speed of a simulator that this stack does not have. `faults` has the vendors that are
        to misbehave."""
        unset = "because TOPAZ_API_KEY is set. Unset it, or leave the option out."
        for vendor in faults:
            if vendor not in self.providers:
                raise NotServed(
                    f"--fault {vendor}/…: this stack does not have {vendor}. Name it in AllowedProviders, or leave this out."
                )
            if vendor not in self.simulated:
                raise NotServed(f"--fault {vendor}/…: {vendor} is not simulated, {unset}")
        if speed != simulator_processes.DEFAULT_SPEED and not self.simulated:
            raise NotServed(f"--speed: nothing is simulated, {unset}")


def cast(topaz_api_key: str | None, parameters: Mapping[str, str]) -> Cast:
    """Return the providers of a stack. The stack parameters may name them. Otherwise they are all providers, simulated, or only
    the real Topaz if there is a key. Raises NotServed if the parameters ask for something that the real Topaz cannot do here."""
    if topaz_api_key and parameters.get("Callbacks") == "on":
        raise NotServed(
            "Callbacks=on cannot work here, because the real Topaz reaches no function on this machine. Leave it out."
        )
    named = {name.strip().lower() for name in parameters.get("AllowedProviders", "").split(",")} - {""}
    if not named and topaz_api_key:
        named = {CAN_BE_REAL, parameters.get("Provider", CAN_BE_REAL)}
    return Cast(tuple(name for name in simulator_processes.vendors() if not named or name in named), topaz_api_key)
