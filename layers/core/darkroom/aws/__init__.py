"""Adapters to AWS: the ledger, buckets, workflow, queue and secrets. boto3 lives only here."""
