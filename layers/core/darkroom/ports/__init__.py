"""What the pipeline needs of the world, as Protocols. Adapters in `providers` and `aws` fulfil them; tests have fakes with state.

Every method says which error it raises and whether it may be called twice. Nothing here imports a vendor or AWS.
"""

from darkroom.ports.ledger import Accounts, Backlog, Circuits, Claim, Interventions, Ledger
from darkroom.ports.provider import Provider
from darkroom.ports.storage import ImageStream, Keep, Links, Outputs, Reader, ResultLink, Sources, Staging
from darkroom.ports.surroundings import Attention, Clock, Events, Intake, Workflow

__all__ = [
    "Accounts",
    "Attention",
    "Backlog",
    "Circuits",
    "Claim",
    "Clock",
    "Events",
    "ImageStream",
    "Intake",
    "Interventions",
    "Keep",
    "Ledger",
    "Links",
    "Outputs",
    "Provider",
    "Reader",
    "ResultLink",
    "Sources",
    "Staging",
    "Workflow",
]
