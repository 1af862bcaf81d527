"""Partitions from any database that SQLAlchemy reaches, and what a database says when it refuses."""
