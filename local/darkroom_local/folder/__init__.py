"""A folder of pictures: which pictures a run takes, with which settings, and how they are uploaded."""
