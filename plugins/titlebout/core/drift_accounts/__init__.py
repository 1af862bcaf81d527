"""The content of a drift report: one look at the newest partitions and everything that led to its result."""
