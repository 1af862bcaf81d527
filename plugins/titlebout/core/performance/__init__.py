"""Performance of predictions: errors by labels that came later, estimates before that, and when an error is a loss.

Nothing here decides on a retrain: it measures, says how sure it is, and names the cause.
"""
