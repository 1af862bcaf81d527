"""Trials of a winner on live requests: who answers, what is counted, and what the counts prove at any moment."""
