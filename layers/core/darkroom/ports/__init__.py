"""Ports: the Protocols through which the pipeline uses providers and AWS. The adapters in `providers` and `aws` implement
them, and so do the stateful fakes of the tests.

Every method says which errors it raises and whether it may be repeated. No port imports a vendor's or AWS's library.
"""

from darkroom.ports.account_comparisons import ProviderAccounts
from darkroom.ports.alerts import Alerts
from darkroom.ports.callbacks import CallbackKeys, CallbackLedger, CallbackReader, TaskTokens, ToldJob
from darkroom.ports.circuits import Circuits
from darkroom.ports.clock import Clock
from darkroom.ports.event_bus import EventBus
from darkroom.ports.executions import Executions
from darkroom.ports.folder_files import FolderFiles, FolderText
from darkroom.ports.input_bucket import InputBucket
from darkroom.ports.intake_queue import IntakeQueue
from darkroom.ports.job_queries import JobQueries
from darkroom.ports.ledger import Claim, Ledger
from darkroom.ports.ledger_ownership import LedgerOwnership
from darkroom.ports.operator_ledger import OperatorLedger
from darkroom.ports.output_bucket import OutputBucket, ResultHeaders, StandingObject
from darkroom.ports.presigned_urls import PresignedUrls
from darkroom.ports.provider import KeptInputs, Provider
from darkroom.ports.staged_results import StagedResults
from darkroom.ports.storage_checks import StorageChecker, StorageChecks, StorageProof
from darkroom.ports.streams import ImageStream, Reader, ResultLink, StageResult
from darkroom.ports.sweep_queries import SweepQueries

__all__ = [
    "Alerts",
    "CallbackKeys",
    "CallbackLedger",
    "CallbackReader",
    "Circuits",
    "Claim",
    "Clock",
    "EventBus",
    "Executions",
    "FolderFiles",
    "FolderText",
    "ImageStream",
    "InputBucket",
    "IntakeQueue",
    "JobQueries",
    "KeptInputs",
    "Ledger",
    "LedgerOwnership",
    "OperatorLedger",
    "OutputBucket",
    "PresignedUrls",
    "Provider",
    "ProviderAccounts",
    "Reader",
    "ResultHeaders",
    "ResultLink",
    "StageResult",
    "StagedResults",
    "StandingObject",
    "StorageChecker",
    "StorageChecks",
    "StorageProof",
    "SweepQueries",
    "TaskTokens",
    "ToldJob",
]
