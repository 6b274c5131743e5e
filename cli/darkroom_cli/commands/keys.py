"""`darkroom keys`: stores a provider's API key in the stack's secret, and checks the keys by calls that cost nothing."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.console import exit_codes
from darkroom_cli.console.command_groups import group, help_if_alone
from darkroom_cli.console.errors import reported, say
from darkroom_cli.console.machine_output import AsJson, AsJsonLines, print_json_lines, tell
from darkroom_cli.options import completion
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Deployment, Stack

if TYPE_CHECKING:
    from darkroom.ports import Provider

app = group("Store and check the providers' API keys.")

ProviderName = Annotated[
    str,
    typer.Argument(
        metavar="PROVIDER", help="The name of a provider, for example topaz.", autocompletion=completion.providers
    ),
]


@app.callback()
def keys(context: typer.Context) -> None:
    """Show the help if no command is given."""
    help_if_alone(context)


@dataclass(frozen=True)
class Verdict:
    """What a vendor says about a key. The key is `usable` unless the vendor refused it or could not be asked."""

    provider: str
    word: str  # `accepted`, `no credits`, `refused`, `missing` or `not asked`
    why: str = ""
    available: Decimal | None = None  # the credits that are left, if the vendor tells

    @property
    def is_usable(self) -> bool:
        """True if the vendor knows the key."""
        return self.word in ("accepted", "no credits")


@app.command(name="set")
def set_key(
    provider: ProviderName,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Store the key even if the vendor cannot be asked about it now.")
    ] = False,
    as_json: AsJson = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Store the API key of PROVIDER.

    The key is typed and not shown, or read from standard input. The vendor is asked about it by a call that costs nothing. A
    key that the vendor refuses is not stored.
    """
    _check_name(provider)
    with reported():
        deployed = deployment.connect(stack)
        from darkroom_cli.stack import key_store

        key = _typed(provider)
        verdict = _asked(provider, key_store.with_key(deployed, provider, key))
        if not verdict.is_usable and not (unchecked and verdict.word == "not asked"):
            _refuse(verdict)
        is_new = key_store.store(deployed, provider, key)
        stored = "stored" if is_new else "the same key is stored already"
        facts = {
            "provider": provider,
            "stored": is_new,
            "verdict": verdict.word,
            "available": verdict.available,
        }
        tell(as_json, facts, f"{provider}: {_words(verdict)}; {stored}", *_advice(deployed, provider))


@app.command()
def check(as_json: AsJsonLines = False, stack: Stack = DEFAULT_STACK) -> None:
    """Ask each vendor whether it accepts the stored key. This costs nothing.

    The providers are those that uploads may name. The exit code is 1 if one of their keys cannot be used.
    """
    with reported():
        deployed = deployment.connect(stack)
        quote = deployed.container.quote
        found = []
        for verdict in _verdicts(deployed, quote.allowed_providers):
            found.append(verdict)
            if not as_json:
                say(f"{verdict.provider}: {_words(verdict)}")
        if as_json:
            print_json_lines(
                {"provider": v.provider, "verdict": v.word, "why": v.why or None, "available": v.available}
                for v in found
            )
        if any(verdict.word == "missing" for verdict in found):
            from darkroom_cli.stack import key_store

            if damage := key_store.damage(deployed):
                say(damage, err=True)
        if not all(verdict.is_usable for verdict in found):
            raise typer.Exit(exit_codes.REPEAT)


def _verdicts(deployed: Deployment, providers: Collection[str]) -> Iterator[Verdict]:
    deployed.container.adapters.api_keys.refresh()  # raises OperatorFault if the secret may not be read
    for name in sorted(providers):
        yield _asked(name, deployed.container.adapters.providers[name])


def _check_name(provider: str) -> None:
    from darkroom import catalog
    from darkroom.setting_words import did_you_mean
    from darkroom.spelling import closest

    if provider not in catalog.providers():
        near = did_you_mean(closest(provider, catalog.providers())) or ";"
        known = f"{provider!r} is not a provider{near} the providers are {', '.join(catalog.providers())}"
        raise typer.BadParameter(known, param_hint="PROVIDER")


def _typed(provider: str) -> str:
    """Return the key that the person types unseen, or the line on standard input. Raises BadParameter for what is no key."""
    from darkroom.providers.http_client import is_sendable

    prompt = f"API key of {provider} (not shown): "
    try:
        key = (getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()).strip()
    except EOFError:
        key = ""
    if not is_sendable(key):
        what = "the key has spaces or characters that no request can carry" if key else "no key was given"
        raise typer.BadParameter(f"{what}; nothing was stored")
    return key


def _asked(provider: str, adapter: Provider) -> Verdict:
    from darkroom.errors import DarkroomError, ErrorCode, KeyMissing, OperatorFault

    try:
        adapter.check_key()
    except KeyMissing as missing:
        return Verdict(provider, "missing", str(missing))
    except OperatorFault as fault:
        word = "no credits" if fault.code == ErrorCode.OUT_OF_CREDITS else "refused"
        return Verdict(provider, word, str(fault))
    except DarkroomError as silent:
        return Verdict(provider, "not asked", str(silent))
    return Verdict(provider, "accepted", available=_available(adapter))


def _available(adapter: Provider) -> Decimal | None:
    """Return the credits that are left, or None if the vendor does not tell: a key may lack the right to read them."""
    from darkroom.errors import DarkroomError

    try:
        balance = adapter.balance()
    except DarkroomError:
        return None
    return balance.available if balance else None


def _words(verdict: Verdict) -> str:
    from darkroom_cli.console.terminal import amount

    sentences = {
        "accepted": "the vendor accepts the key",
        "no credits": f"the vendor knows the key, but the account has no credits ({verdict.why})",
        "refused": f"the vendor refuses the key ({verdict.why})",
        "missing": f"no key is stored: `darkroom keys set {verdict.provider}`",
        "not asked": f"the vendor could not be asked ({verdict.why})",
    }
    left = f", {amount(verdict.available)} credits are left" if verdict.available is not None else ""
    return sentences[verdict.word] + left


def _refuse(verdict: Verdict) -> None:
    later = "; try again, or store the key with --unchecked" if verdict.word == "not asked" else ""
    say(f"{verdict.provider}: {_words(verdict)}, so nothing was stored{later}", err=True)
    raise typer.Exit(exit_codes.REPEAT if later else exit_codes.NOT_POSSIBLE)


def _advice(deployed: Deployment, provider: str) -> Iterator[str]:
    """Yield what else is to do for the key to be used."""
    if provider not in deployed.container.quote.allowed_providers:
        yield f"uploads may not name {provider} until the stack parameter AllowedProviders has it"
    circuit = deployed.container.adapters.circuits.get(provider)
    if circuit is not None and not circuit.paused:
        yield f"jobs wait for {provider} and go on within a quarter of an hour; `darkroom resume {provider}` sends them now"
