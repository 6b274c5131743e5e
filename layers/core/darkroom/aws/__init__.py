"""Adapters to AWS: the ledger, the buckets, the queue, the state machine and the API keys. boto3 is imported only here."""
