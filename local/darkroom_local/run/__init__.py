"""One run over a folder: its checks and price before it, its progress, and what it says and writes at the end."""
