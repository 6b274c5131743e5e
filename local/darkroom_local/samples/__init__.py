"""The demo and what is drawn for it: sample pictures, the sample of metadata, and the README's picture."""
