"""Says what uploads will cost before anything is spent, and what they have cost."""
