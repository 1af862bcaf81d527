"""Ways by which messages leave: SMTP and HTTP."""
