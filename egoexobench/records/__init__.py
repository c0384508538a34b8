"""Run records: what was scored, on what, by which code, and how sure the number is."""
