"""The story of an upload, one use case a file: submit, poll, finalize. Ports and pure modules only."""
