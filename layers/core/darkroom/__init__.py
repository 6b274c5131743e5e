"""Darkroom's runtime: what ships to Lambda. It puts image-enhancement APIs behind an S3 bucket and accounts for every credit."""
