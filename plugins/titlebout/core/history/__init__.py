"""History features: statistics over earlier partitions by group, from snapshots or from a table that serves."""
