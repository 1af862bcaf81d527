"""What a candidate has to show, and who has to agree, before it may serve."""
