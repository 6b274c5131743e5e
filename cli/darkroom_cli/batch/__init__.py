"""A batch of `darkroom enhance`: its files, their uploads, the watching of their jobs, and their results."""
