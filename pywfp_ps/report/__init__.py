"""Results as tables, JSON lines, CSV and Markdown."""
