"""How well predictions came true: scores joined with labels that came later, estimates before, and what a loss is.

Nothing here decides on a retrain: it measures, says how sure it is, and names the cause.
"""
