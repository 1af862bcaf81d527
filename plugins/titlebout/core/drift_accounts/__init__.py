"""What a drift report is made of: one look at the newest partitions, written down with everything that led to it."""
