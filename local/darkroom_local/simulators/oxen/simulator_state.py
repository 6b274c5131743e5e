"""Everything one running Oxen.ai simulator shares: what any simulator does, its generations, its refusals.

It must not know routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from darkroom_local.simulators.framework import exchange, simulator_state
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import Found
from darkroom_local.simulators.oxen.errors import answer
from darkroom_local.simulators.oxen.event_listeners import Listeners
from darkroom_local.simulators.oxen.generation_views import Addresses
from darkroom_local.simulators.oxen.generations import JobStore, Limits, Traits
from darkroom_local.simulators.oxen.published_facts import (
    CANCELLED,
    CHOICES,
    FAILED,
    FETCH_LIMIT_BYTES,
    FETCH_LIMIT_SECONDS,
    OUTPUT_LIMIT_MP,
    PRICE_UNITS,
    RESULT_LIFETIME_SECONDS,
    SCHEMA_FIELDS,
    SUCCEEDED,
)
from darkroom_local.simulators.oxen.request_checks import Choices


@dataclass(frozen=True)
class Settings(simulator_state.Settings):
    """How a simulator is set up; whatever the pages do not settle can be chosen.

    The account counts units of 0.0001 US dollars, so that prices are whole numbers.
    """

    available_credits: int = 1_000_000  # 100 US dollars
    price_units: int = PRICE_UNITS  # for each image
    narrowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # parameter: the words left of its own
    schema_field: str = SCHEMA_FIELDS[0]  # the name the model's schema goes by
    echo_input: bool = True  # whether the queue's rows say what was submitted; the history always does
    result_wants_key: bool = False  # whether results are first named at an address that wants the key
    strangers_get: int = 401  # the status for who asks for such a result without the key: some hosts say 403 or 404
    page_size_limit: int | None = None  # what the history shows at once at most, whatever was asked; published: 1,000
    result_host: str | None = None  # the host in presigned links, if not the called one
    result_lifetime_seconds: float = RESULT_LIFETIME_SECONDS  # of a link; divided by the speed, as all times
    fetch_limit_seconds: float = FETCH_LIMIT_SECONDS
    fetch_limit_bytes: int = FETCH_LIMIT_BYTES
    output_limit_mp: float = OUTPUT_LIMIT_MP

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schema_field not in SCHEMA_FIELDS:
            raise ValueError(f"schema_field is one of {', '.join(SCHEMA_FIELDS)}")
        for name, words in self.narrowed.items():
            if name not in CHOICES or not words or not set(words) <= set(CHOICES[name].words):
                raise ValueError(f"{name} cannot be narrowed to {words}")

    @property
    def choices(self) -> Choices:
        """The words each parameter may be."""
        return {name: tuple(self.narrowed.get(name, choice.words)) for name, choice in CHOICES.items()}

    @property
    def limits(self) -> Limits:
        """Those that concern the generations."""
        return Limits(self.speed, self.choices, self.fetch_limit_seconds, self.fetch_limit_bytes, self.output_limit_mp)


@dataclass
class World(simulator_state.World):
    """The parts that outlive a single request."""

    settings: Settings
    jobs: JobStore
    addresses: Addresses
    listeners: Listeners

    def admit(self, entry: Entry) -> None:
        """A result's address may hide from strangers that it is there."""
        if entry["operation"] == "file" and not entry["key_matched"]:
            raise Refusal(self.settings.strangers_get)
        super().admit(entry)

    def render(self, refusal: Refusal) -> web.Response:
        """With an `error`."""
        return answer(refusal)

    def find_result(self, name: str, entry: Entry) -> Found:
        """The picture of that file name; it is kept for good."""
        job = self.jobs.of_file(name)
        if job is None:
            return Found(None, None)
        entry["generation_id"] = job.generation_id if job.listed else None
        return Found(job.file, job.request.input_image)


Call = exchange.Call[World]


def traits_of(call: Call) -> Traits:
    """What a generation accepted by this call is to suffer."""
    return Traits(
        ending=call.meant({"failed_job": FAILED, "cancelled_job": CANCELLED}, SUCCEEDED),
        late_seconds=call.seconds("late_job"),
        hold_seconds=call.seconds("hold"),
        fetch_late_seconds=call.seconds("fetch_late"),
        list_lag_seconds=call.seconds("list_lag"),
        wrong_size=call.has("wrong_size"),
        unknown_status=call.has("unknown_status"),
    )
