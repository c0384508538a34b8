"""What a run gives: its record as a table for people and as data frames for analysis."""
