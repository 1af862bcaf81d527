"""From snapshots to a booster: rows in memory or out of it, labels and recipes."""
