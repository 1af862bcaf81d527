"""What happened that a person wants to be told, and when to tell it."""
