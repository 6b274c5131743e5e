"""What is claimed of speed, size and price, measured side by side in one run: `make bench`."""
