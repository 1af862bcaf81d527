"""Skew: what a model server answers and is asked, held against what the version and the data say offline."""
