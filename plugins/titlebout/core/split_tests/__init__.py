"""A/B releases: answers joined to what came of them, and an interval of the difference that holds at every look."""
