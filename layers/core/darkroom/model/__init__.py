"""The words of the domain, frozen data and closed enums: uploads, plans, processes, jobs. Standard library only."""

from darkroom.model.jobs import LISTED, TERMINAL, UNPUBLISHED, Alarm, Handle, Job, JobStatus, Note, Tick
from darkroom.model.plans import ANY_FORMAT, Limits, Manner, Plan, Resolved
from darkroom.model.processes import (
    Balance,
    Circuit,
    Estimate,
    FoundProcess,
    ProcessState,
    Progress,
    Reckoning,
    Submission,
)
from darkroom.model.uploads import Due, ImageFacts, ImageFormat, SourceObject, UnfinishedUpload, Upload

__all__ = [
    "ANY_FORMAT",
    "LISTED",
    "TERMINAL",
    "UNPUBLISHED",
    "Alarm",
    "Balance",
    "Circuit",
    "Due",
    "Estimate",
    "FoundProcess",
    "Handle",
    "ImageFacts",
    "ImageFormat",
    "Job",
    "JobStatus",
    "Limits",
    "Manner",
    "Note",
    "Plan",
    "ProcessState",
    "Progress",
    "Reckoning",
    "Resolved",
    "SourceObject",
    "Submission",
    "Tick",
    "UnfinishedUpload",
    "Upload",
]
