"""The spine: payloads from files or hosts into the store."""
