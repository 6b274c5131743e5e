"""A folder of results: its saved account, the results that are downloaded into it, and cures for what failed."""
