"""The shape of a schedule: what kind of world a seed makes, before anything happens in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from tests.faults.choices import Bursts, Picker, Priorities, Uniform

MINUTE, HOUR = 60.0, 3600.0
FAMILIES = ("mixed", "doubts", "money", "versions", "people")
HELD = "held"  # a family apart: every upload asks for a synchronous call
MID_MONTH = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
MONTH_ENDS = datetime(2026, 11, 30, 23, 50, tzinfo=UTC)
PICKERS = {"uniform": Uniform, "bursts": Bursts, "priorities": Priorities}
# Where workers die in a schedule: anywhere, or mostly at one kind of effect.
DEADLY = (
    "*", "*", "*", "dynamo.*", "dynamo.transact*", "dynamo.update*", "provider.*", "provider.submit", "provider.cancel",
    "outputs.*", "sfn.*", "bus.*", "sqs.*",
)  # fmt: skip
BIG = {"output_width": "6000", "output_height": "5000"}  # 30 megapixels: 2 credits
ODD = ({"skip": "true"}, {"scale": "nonsense"})


@dataclass(frozen=True)
class Planned:
    """An upload to come: when, under which key, with which tags."""

    at: float
    key: str
    tags: dict[str, str]


@dataclass(frozen=True)
class Shape:
    """Everything that is fixed before the first step. Chances are per call, per message or per process."""

    seed: int
    family: str
    # lists: its list shows handles; blind: no such list; rotates: the list is the key's, and the key changes
    vendor: str
    versioned: bool
    uploads: tuple[Planned, ...]
    monthly_credits: Decimal  # 0 = no limit
    start: datetime
    deadline: float
    retention: float
    weather: float  # a fault at a call
    slow: float  # a call that takes long
    lost_submits: float  # a submit whose answer is lost
    deaths: float
    most_deaths: int
    deadly: str  # where workers die, a pattern of labels
    refusals: float  # a submit that the vendor refuses
    hung: float  # a process that does not end by itself in time
    events_lost: float
    operators: int
    acts: int  # of each operator
    picker: str
    chaos: float  # seconds until all faults end
    grid: float  # functions begin at multiples of it, so that they meet; 0 = whenever they are called

    def new_picker(self) -> Picker:
        """Who goes next, with a state of its own."""
        return PICKERS[self.picker]()

    def __str__(self) -> str:
        bucket = "versioned" if self.versioned else "unversioned"
        return (
            f"{self.family}: a vendor that {self.vendor}, {bucket}, {len(self.uploads)} uploads, "
            f"limit {self.monthly_credits}, {self.operators} operators, {self.picker}"
        )


def shape_of(seed: int, family: str | None = None, *, larger: int = 1) -> Shape:
    """The seed's shape; a family narrows it to what makes certain histories likely. `larger` times as many uploads."""
    rng = Random(f"{seed} shape")
    family = family or FAMILIES[seed % len(FAMILIES)]
    doubtful, people, busy = family == "doubts", family == "people", False
    vendor = rng.choice(
        ["lists", "lists", "blind", "rotates"] if not people else ["blind", "blind", "lists", "rotates"]
    )
    count = rng.randint(1, 3) if doubtful or people else rng.randint(3, 6)
    money = family == "money"
    deadly = "provider.request" if doubtful and rng.random() < 0.4 else rng.choice(DEADLY)
    if family == HELD:
        held = Random(f"{seed} held")
        deadly, busy = "staging.*" if held.random() < 0.4 else deadly, held.random() < 0.5
    slow = 0.05 if people else 0.03 if family == "versions" else rng.choice([0.0, 0.0, 0.01, 0.03])
    everywhere = deadly in ("*", "dynamo.*")
    deadline = rng.choice([180.0, 900.0, HOUR, HOUR, HOUR, 3 * HOUR]) if rng.random() < 0.95 else 24 * HOUR
    deadline = max(deadline, HOUR) if people or busy else deadline  # they need time to get in each other's way
    return Shape(
        seed=seed,
        family=family,
        vendor=vendor,
        versioned=rng.random() < (0.8 if family == "versions" else 0.5),
        uploads=_uploads(rng, family, count * larger),
        monthly_credits=Decimal(rng.choice([1, 2, 3, 4]) if money else rng.choice([0, 0, 3, 8])),
        start=MONTH_ENDS if rng.random() < 0.15 else MID_MONTH,
        deadline=deadline,
        retention=deadline + rng.choice([3, 6, 24]) * HOUR,
        weather=rng.choice([0.0, 0.01, 0.03]),
        slow=slow,
        lost_submits=rng.choice([0.4, 0.7]) if doubtful or people else rng.choice([0.0, 0.1, 0.4]) + 0.3 * busy,
        deaths=rng.choice([0.0, 0.01, 0.02, 0.05]) if everywhere else rng.choice([0.1, 0.4]),
        most_deaths=rng.randint(1, 4),
        deadly=deadly,
        refusals=rng.choice([0.0, 0.1, 0.3]) if not people else 0.0,
        hung=rng.choice([0.0, 0.05, 0.2]),
        events_lost=rng.choice([0.0, 0.1, 0.3]),
        operators=(rng.choice([0, 1, 1]) if not people else 2) + busy,
        acts=(rng.randint(1, 4) if not people else rng.randint(3, 7)) + 4 * busy,
        picker=rng.choice(["uniform", "bursts", "priorities"]),
        chaos=rng.choice([0.5, 1, 2]) * HOUR,
        grid=rng.choice([0.0, 5.0, 20.0]),
    )


def _uploads(rng: Random, family: str, count: int) -> tuple[Planned, ...]:
    """New keys, further versions of a key, and pairs that collide in one output key; never two in one second."""
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
    if family == HELD:
        made = [Planned(one.at, one.key, {**one.tags, "synchronous": "true"}) for one in made]
    return _apart(made)


def _apart(made: list[Planned]) -> tuple[Planned, ...]:
    """S3 orders the versions of a key by the second where the sequencer is not known: the simulation keeps them apart."""
    taken: set[int] = set()
    apart = []
    for planned in made:
        at = planned.at
        while int(at) in taken:
            at += 1.0
        taken.add(int(at))
        apart.append(Planned(at, planned.key, planned.tags))
    return tuple(apart)
