"""Adapters to the vendors: their words in, ours out, one file each. httpx lives only here."""
