"""Reasons to retrain outside the nightly schedule, and the gate that limits how often it happens."""
