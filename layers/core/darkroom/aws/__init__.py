"""The adapters to AWS: the ledger, the buckets, the queue, the state machine and the API keys. Only this package imports
boto3."""
