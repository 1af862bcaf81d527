"""Drafts a model spec and an expectation suite from a sample of real data, for `titlebout new`."""
