"""Adapters to the vendors, one module each, and the HTTP client that they share. No other package imports httpx."""
