"""The built-in checks of a partition beside its suite: of itself, and against the good days before it."""
