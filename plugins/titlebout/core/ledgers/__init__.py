"""What happened, as an append-only chain of entries: what they add up to, their audit and their export."""
