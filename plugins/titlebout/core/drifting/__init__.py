"""Drift: profiles of partitions that add up, distances between them, and what distance is no chance.

Pure: the only thing read here is the lake, through its port. When to look and what a finding starts belongs to the
step, the sensor and the DAG.
"""
