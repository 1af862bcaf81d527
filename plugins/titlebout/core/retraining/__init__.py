"""Reasons to retrain between two nights, and the gate that keeps them from becoming a storm."""
