"""Translations between ports and the world, one file per variant. They raise only our own errors."""
