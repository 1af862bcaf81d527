"""A/B trials: answers joined to outcomes, and a confidence sequence of the difference that holds at every look."""
