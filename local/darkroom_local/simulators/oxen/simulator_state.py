"""The settings of an Oxen.ai simulator, and the state that all requests to it share.

This module must not know routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from darkroom_local.simulators.framework import simulator_state
from darkroom_local.simulators.framework.exchange import Exchange
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import FoundResult
from darkroom_local.simulators.oxen.errors import error_response
from darkroom_local.simulators.oxen.event_listeners import EventListeners
from darkroom_local.simulators.oxen.generation_views import ResultUrls
from darkroom_local.simulators.oxen.generations import JobStore, Limits, Misbehaviour
from darkroom_local.simulators.oxen.published_facts import (
    CANCELLED,
    CHOICES,
    FAILED,
    FETCH_LIMIT_BYTES,
    FETCH_LIMIT_SECONDS,
    MODEL,
    MODELS,
    OUTPUT_LIMIT_MP,
    PRICE_UNITS,
    RESULT_LIFETIME_SECONDS,
    SCHEMA_FIELDS,
    SUCCEEDED,
)
from darkroom_local.simulators.oxen.request_checks import Rules


@dataclass(frozen=True)
class OxenSettings(simulator_state.SimulatorSettings):
    """The settings of one Oxen.ai simulator. Behaviour that the vendor's pages do not define can be chosen here.

    The account counts in units of 0.0001 US dollars, so that prices are whole numbers.
    """

    available_credits: int = 1_000_000  # 100 US dollars
    price_units: int = PRICE_UNITS  # the price of one image
    prices: Mapping[str, int] = field(default_factory=dict)  # model → price of one image if it is not `price_units`
    missing_models: tuple[str, ...] = ()  # models that the vendor has removed since its pages were read
    # parameter → the words that are still allowed
    narrowed_choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema_field: str = SCHEMA_FIELDS[0]  # the field that holds the model's schema
    echo_input: bool = True  # whether rows of the queue report back what was submitted; rows of the history always do
    result_wants_key: bool = False  # whether a result's URL is under the API's host and needs the key
    status_without_key: int = 401  # the status for such a URL if the key is missing; some hosts answer 403 or 404
    page_size_limit: int | None = None  # the most entries on a page of the history; None means the published 1,000
    result_host: str | None = None  # the host in presigned links; None means the host that the client called
    result_lifetime_seconds: float = (
        RESULT_LIFETIME_SECONDS  # how long a link works; divided by `speed`, like all times
    )
    fetch_limit_seconds: float = FETCH_LIMIT_SECONDS
    fetch_limit_bytes: int = FETCH_LIMIT_BYTES
    output_limit_mp: float = OUTPUT_LIMIT_MP

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schema_field not in SCHEMA_FIELDS:
            raise ValueError(f"schema_field must be one of {', '.join(SCHEMA_FIELDS)}")
        for name, words in self.narrowed_choices.items():
            if name not in CHOICES or not words or not set(words) <= set(CHOICES[name].words):
                raise ValueError(f"narrowed_choices must keep some of the published words; {name} cannot have {words}")

    @property
    def rules(self) -> Mapping[str, Rules]:
        """Return the rules for the parameters of each model, by the model's name."""
        narrowed = {
            name: replace(choice, words=tuple(self.narrowed_choices.get(name, choice.words)))
            for name, choice in CHOICES.items()
        }
        return {name: rules for name, rules in {**MODELS, MODEL: narrowed}.items() if name not in self.missing_models}

    def price(self, model: str) -> int:
        """Return the price of one image, in units."""
        return self.prices.get(model, self.price_units)

    @property
    def limits(self) -> Limits:
        """Return the limits that apply to generations."""
        return Limits(self.speed, self.rules, self.fetch_limit_seconds, self.fetch_limit_bytes, self.output_limit_mp)


@dataclass
class OxenState(simulator_state.SimulatorState):
    """Holds what all requests of one Oxen.ai simulator share."""

    settings: OxenSettings
    jobs: JobStore
    result_urls: ResultUrls
    listeners: EventListeners

    def admit(self, entry: Entry) -> None:
        """Raise Refusal if the key is missing or wrong.

        For the URL of a result, the settings choose the status. It may be 404, as from a host that hides the result.
        """
        if entry["operation"] == "file" and not entry["key_matched"]:
            raise Refusal(self.settings.status_without_key)
        super().admit(entry)

    def render(self, refusal: Refusal) -> web.Response:
        """Return the error answer for a refusal. Its body has the field `error`."""
        return error_response(refusal)

    def find_result(self, name: str, entry: Entry) -> FoundResult:
        """Return the result called `name` and the URL of its input. Results never expire; only their links do."""
        job = self.jobs.find_by_file(name)
        if job is None:
            return FoundResult(None, None)
        entry["generation_id"] = job.generation_id if job.listed else None
        return FoundResult(job.file, job.request.input_image)


OxenExchange = Exchange[OxenState]


def take_misbehaviour(exchange: OxenExchange) -> Misbehaviour:
    """Take the fault rules that match this request, and return what they do to its generation."""
    return Misbehaviour(
        ending=exchange.choose_by_fault({"failed_job": FAILED, "cancelled_job": CANCELLED}, SUCCEEDED),
        late_seconds=exchange.fault_seconds("late_job"),
        hold_seconds=exchange.fault_seconds("hold"),
        fetch_late_seconds=exchange.fault_seconds("fetch_late"),
        list_lag_seconds=exchange.fault_seconds("list_lag"),
        wrong_size=exchange.has_fault("wrong_size"),
        turning=exchange.turning_by_fault(),
        unknown_status=exchange.has_fault("unknown_status"),
    )
