"""What users write is copied and run, never imported here."""

collect_ignore = ["own"]
