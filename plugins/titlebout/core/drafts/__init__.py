"""What `titlebout new` sees in real data, and the spec and suite that it writes."""
