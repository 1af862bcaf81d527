"""A model's YAML file: its sections, their types and what may stand in them."""
