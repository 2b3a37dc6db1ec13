"""What was known about a lead at a moment. Pure: no files, no clock, no network."""
