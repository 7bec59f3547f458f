"""Taking conversations away as files: what the inbox shows, as CSV or JSON Lines."""
