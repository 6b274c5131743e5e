"""The code of Darkroom that runs on Lambda. It puts image-enhancement APIs behind an S3 bucket and accounts for every credit."""
