"""Challenger against champion: metrics, resampling, checks and rules, and bouts replayed in date order."""
