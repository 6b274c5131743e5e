"""The adapters to the vendors, one module for each, and the HTTP client that they share. Only this package imports httpx."""
