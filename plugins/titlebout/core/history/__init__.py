"""What earlier partitions say about a row: statistics by group, from snapshots or from a table that serves."""
