"""The words of the domain, frozen data and closed enums: uploads, plans, processes, jobs. Standard library only."""

from darkroom.model.jobs import LISTED, TERMINAL, UNPUBLISHED, Alarm, Handle, Job, JobStatus, Note, PollState
from darkroom.model.plans import ANY_FORMAT, Limits, Plan, ResolvedSetting, SendMode, Spelling
from darkroom.model.processes import (
    AccountSnapshot,
    Balance,
    Circuit,
    Estimate,
    FoundProcess,
    ProcessState,
    Progress,
    Submission,
)
from darkroom.model.uploads import ImageFacts, ImageFormat, JobDue, SourceObject, UnfinishedUpload, Upload

__all__ = [
    "ANY_FORMAT",
    "LISTED",
    "TERMINAL",
    "UNPUBLISHED",
    "AccountSnapshot",
    "Alarm",
    "Balance",
    "Circuit",
    "Estimate",
    "FoundProcess",
    "Handle",
    "ImageFacts",
    "ImageFormat",
    "Job",
    "JobDue",
    "JobStatus",
    "Limits",
    "Note",
    "Plan",
    "PollState",
    "ProcessState",
    "Progress",
    "ResolvedSetting",
    "SendMode",
    "SourceObject",
    "Spelling",
    "Submission",
    "UnfinishedUpload",
    "Upload",
]
