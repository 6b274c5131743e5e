"""Modules that decide about money: the pipeline and the ledger's adapters. Mutants change them, and a page has their bounds."""

from __future__ import annotations

from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[2] / "layers" / "core"
PATTERNS = ("pipeline/*.py", "aws/*ledger*.py", "aws/job_transitions.py", "aws/budgets.py", "aws/circuits.py",
    "aws/output_claims.py", "aws/process_claims.py", "aws/retention.py", "aws/sweep_queries.py",
    "aws/account_comparisons.py", "aws/storage_checks.py", "aws/items.py")  # fmt: skip


def ledger_modules() -> list[Path]:
    """Return their paths in order."""
    found = {path for pattern in PATTERNS for path in (RUNTIME / "darkroom").glob(pattern)}
    return sorted(path for path in found if path.name != "__init__.py")
