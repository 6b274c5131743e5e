"""Defines the shape of a schedule, which is all settings that the seed fixes before the first step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from tests.faults.choices import Bursts, Picker, Priorities, Uniform

MINUTE, HOUR = 60.0, 3600.0
FAMILIES = ("mixed", "doubts", "money", "versions", "people")
UNREAD = "unread"  # a separate family: some uploads cannot be read, for good or for a while
LINKED = "linked"  # a separate family: every upload is sent by link, to a vendor whose list names nothing but which keeps images
USUAL_TOKEN_BYTES = 2200  # a session token that is longer may cost a result its source's metadata
STORED = "stored"  # a separate family: the output bucket refuses for a while, and other programs write into it
CALLED = "called"  # a separate family: the vendor calls back, and executions wait for that
HELD = "held"  # a separate family: every upload is sent by a synchronous call
MID_MONTH = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
MONTH_ENDS = datetime(2026, 11, 30, 23, 50, tzinfo=UTC)
PICKERS = {"uniform": Uniform, "bursts": Bursts, "priorities": Priorities}
# Where the workers of a schedule die, as a pattern of labels: at any call, or only at one kind of call.
DEADLY = (
    "*", "*", "*", "dynamo.*", "dynamo.transact*", "dynamo.update*", "provider.*", "provider.submit", "provider.cancel",
    "outputs.*", "sfn.*", "bus.*", "sqs.*",
)  # fmt: skip
BIG = {"output_width": "6000", "output_height": "5000"}  # 30 megapixels, which cost 2 credits
ODD = ({"skip": "true"}, {"scale": "nonsense"})


@dataclass(frozen=True)
class Trouble:
    """Holds why an upload cannot be read, and at which seconds of the schedule that begins and ends.

    `kind` is `archived` if the bytes are archived, `denied` if reading them is forbidden (with `head`, HeadObject too),
    `outage` if any read fails for an unknown reason, and `deadly` if a read takes longer than a worker lives.
    """

    kind: str
    head: bool = False
    begins: float = 0.0
    ends: float = math.inf

    @property
    def is_lasting(self) -> bool:
        """Whether the upload can never be read, from its beginning to the end of the schedule."""
        return self.begins == 0 and math.isinf(self.ends)


@dataclass(frozen=True)
class Planned:
    """Holds a planned upload: its second in the schedule, its key, its tags, and why it cannot be read, if so."""

    at: float
    key: str
    tags: dict[str, str]
    trouble: Trouble | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """Holds the settings of a schedule, which are fixed before its first step. Probabilities are per call, message or process."""

    seed: int
    family: str
    # "lists" if the vendor's list shows handles, "blind" if it does not, "rotates" if each API key has its own list and the
    # key changes, "unnamed" if the list shows no handles but the vendor keeps the
    # images
    vendor: str
    versioned: bool
    uploads: tuple[Planned, ...]
    monthly_credits: Decimal  # the monthly limit; 0 means no limit
    start: datetime
    deadline: float
    retention: float
    fault_chance: float  # probability that a call fails
    slow: float  # probability that a call takes long
    lost_submits: float  # probability that the answer to a submit is lost
    deaths: float
    most_deaths: int
    deadly: str  # the points at which workers die, as a shell pattern of labels
    refusals: float  # probability that the vendor refuses a submit
    hung: float  # probability that a process runs much longer than usual
    events_lost: float
    operators: int
    acts: int  # number of commands that each operator gives
    picker: str
    chaos: float  # seconds until all faults end
    grid: float  # functions start at multiples of these seconds, so that they overlap; 0 lets them start at any time
    refuses: tuple[float, float] = (
        0.0,
        0.0,
    )  # the seconds from and until which the output bucket refuses to be written
    calls_back: bool = False  # whether the stack takes callbacks
    token_bytes: int = 900  # the length of the session token in each request to the output bucket
    foreign: tuple[tuple[float, str], ...] = ()  # the seconds at which another program writes an output key

    def new_picker(self) -> Picker:
        """Return a new object that chooses the next worker."""
        return PICKERS[self.picker]()

    def __str__(self) -> str:
        bucket = "versioned" if self.versioned else "unversioned"
        return (
            f"{self.family}: a vendor that {self.vendor}, {bucket}, {len(self.uploads)} uploads, "
            f"limit {self.monthly_credits}, {self.operators} operators, {self.picker}"
        )


def shape_of(seed: int, family: str | None = None, *, larger: int = 1) -> Shape:
    """Return the shape that `seed` gives. The family makes certain histories likely. `larger` multiplies the uploads."""
    rng = Random(f"{seed} shape")
    family = family or FAMILIES[seed % len(FAMILIES)]
    doubtful, operators, busy = family == "doubts", family == "people", False
    vendor = rng.choice(
        ["lists", "lists", "blind", "rotates"] if not operators else ["blind", "blind", "lists", "rotates"]
    )
    count = rng.randint(1, 3) if doubtful or operators else rng.randint(3, 6)
    money = family == "money"
    deadly = "provider.request" if doubtful and rng.random() < 0.4 else rng.choice(DEADLY)
    if family == LINKED:
        doubtful = True
    if family == HELD:
        held = Random(f"{seed} held")
        deadly, busy = "staging.*" if held.random() < 0.4 else deadly, held.random() < 0.5
    slow = 0.05 if operators else 0.03 if family == "versions" else rng.choice([0.0, 0.0, 0.01, 0.03])
    everywhere = deadly in ("*", "dynamo.*")
    deadline = rng.choice([180.0, 900.0, HOUR, HOUR, HOUR, 3 * HOUR]) if rng.random() < 0.95 else 24 * HOUR
    deadline = max(deadline, HOUR) if operators or busy else deadline  # several workers need time to interfere
    versioned = rng.random() < (0.8 if family == "versions" else 0.5)
    uploads = _uploads(rng, family, count * larger)
    shape = Shape(
        seed=seed,
        family=family,
        vendor="unnamed" if family == LINKED else vendor,
        versioned=versioned,
        uploads=_troubled(seed, uploads, deadline) if family == UNREAD else uploads,
        monthly_credits=Decimal(rng.choice([1, 2, 3, 4]) if money else rng.choice([0, 0, 3, 8])),
        start=MONTH_ENDS if rng.random() < 0.15 else MID_MONTH,
        deadline=deadline,
        retention=deadline + rng.choice([3, 6, 24]) * HOUR,
        fault_chance=rng.choice([0.0, 0.01, 0.03]),
        slow=slow,
        lost_submits=rng.choice([0.4, 0.7]) if doubtful or operators else rng.choice([0.0, 0.1, 0.4]) + 0.3 * busy,
        deaths=rng.choice([0.0, 0.01, 0.02, 0.05]) if everywhere else rng.choice([0.1, 0.4]),
        most_deaths=rng.randint(1, 4),
        deadly=deadly,
        refusals=rng.choice([0.0, 0.1, 0.3]) if not operators else 0.0,
        hung=rng.choice([0.0, 0.05, 0.2]),
        events_lost=rng.choice([0.0, 0.1, 0.3]),
        operators=(rng.choice([0, 1, 1]) if not operators else 2) + busy,
        acts=(rng.randint(1, 4) if not operators else rng.randint(3, 7)) + 4 * busy,
        picker=rng.choice(["uniform", "bursts", "priorities"]),
        chaos=rng.choice([0.5, 1, 2]) * HOUR,
        grid=rng.choice([0.0, 5.0, 20.0]),
    )
    if family == CALLED:
        return _called(shape)
    return _stored(shape) if family == STORED else shape


def _uploads(rng: Random, family: str, count: int) -> tuple[Planned, ...]:
    """Plan uploads: new keys, further versions of a key, and pairs with the same output key. No two are in the same second."""
    spread = rng.choice([5.0, 120.0, 600.0])
    made: list[Planned] = []
    for number in range(count):
        at = 60.0 + number * 2.0 + rng.random() * spread
        again = 0.7 if family == "versions" else 0.15
        tags: dict[str, str] = rng.choice(ODD) if rng.random() < 0.04 else BIG if rng.random() < 0.25 else {}
        if made and rng.random() < again:
            made.append(Planned(at, rng.choice(made).key, tags))
        elif made and rng.random() < 0.1:
            made.append(Planned(at, made[0].key.replace(".jpg", ".png"), {}))
        else:
            form = {"output_format": "png"} if rng.random() < 0.2 else {}
            made.append(Planned(at, f"{number}.jpg", {**tags, **form}))
    if sent := {HELD: {"synchronous": "true"}, LINKED: {"input_by": "link"}}.get(family):
        made = [Planned(one.at, one.key, {**one.tags, **sent}) for one in made]
    return _apart(made)


def _troubled(seed: int, uploads: tuple[Planned, ...], deadline: float) -> tuple[Planned, ...]:
    """Make about two of three uploads unreadable. Most of these can never be read again."""
    rng = Random(f"{seed} unread")
    made = []
    for planned in uploads:
        begins = 0.0 if rng.random() < 0.7 else rng.random() * 900
        ends = math.inf if rng.random() < 0.6 else planned.at + rng.random() * rng.choice([1200, 1.2 * deadline])
        kind = rng.choice(["archived", "denied", "denied", "outage", "outage", "deadly"])
        trouble = Trouble(kind, rng.random() < 0.5, begins, ends)
        made.append(replace(planned, trouble=trouble if rng.random() < 0.67 else None))
    return tuple(made)


def _called(shape: Shape) -> Shape:
    """Let the vendor call back. Some of these vendors list nothing and keep the images, some lose many answers, and some stacks
    have busy operators."""
    rng = Random(f"{shape.seed} called")
    shape = replace(shape, calls_back=True, deadly=rng.choice([*DEADLY, "sfn.*", "dynamo.update*"]))
    if rng.random() < 0.15:
        linked = tuple(replace(one, tags={**one.tags, "input_by": "link"}) for one in shape.uploads)
        shape = replace(shape, vendor="unnamed", uploads=linked, lost_submits=0.5)
    elif rng.random() < 0.4:
        shape = replace(shape, lost_submits=rng.choice([0.4, 0.7]))
    if rng.random() < 0.3:
        shape = replace(shape, operators=2, acts=rng.randint(3, 7), deadline=max(shape.deadline, HOUR))
    return replace(shape, retention=shape.deadline + rng.choice([3, 6, 24]) * HOUR)


def _stored(shape: Shape) -> Shape:
    """Let the output bucket refuse, from the beginning or later, and let another program write some of the output keys."""
    rng = Random(f"{shape.seed} stored")
    begins = 0.0 if rng.random() < 0.4 else rng.random() * 1800
    lasts = rng.choice([0, 600, 2400, 5400] if begins == 0 else [600, 2400, 5400])
    ends = min(begins + lasts, shape.chaos)
    near = [(planned.at - 5 + rng.random() * rng.choice([5, 120, 600]), planned.key) for planned in shape.uploads]
    foreign = tuple(one for one in near if rng.random() < 0.4)
    uploads = tuple(replace(planned, **_headers(rng, planned.tags)) for planned in shape.uploads)
    return replace(
        shape,
        refuses=(begins, ends),
        foreign=foreign,
        uploads=uploads,
        token_bytes=rng.choice([900, USUAL_TOKEN_BYTES, 5500]),
    )


def _headers(rng: Random, tags: dict[str, str]) -> dict[str, Any]:
    """Return metadata and tags of an upload. Most are each within S3's limits, and often too long together."""
    caption, note = "c" * rng.choice([0, 200, 1200]), rng.choice("né") * rng.choice([0, 50, 250])
    more = {f"note-{n}": note for n in range(rng.choice([1, 6]))} if note else {}
    return {"metadata": {"caption": caption} if caption else {}, "tags": {**tags, **more}}


def _apart(made: list[Planned]) -> tuple[Planned, ...]:
    """Put all uploads in different seconds, because S3 orders versions only by the second if their sequencer is unknown."""
    taken: set[int] = set()
    apart = []
    for planned in made:
        at = planned.at
        while int(at) in taken:
            at += 1.0
        taken.add(int(at))
        apart.append(replace(planned, at=at))
    return tuple(apart)
