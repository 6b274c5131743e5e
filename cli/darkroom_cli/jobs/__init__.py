"""Shows jobs: the facts about one, tables of many, and words for why a job is where it is and who must act."""
