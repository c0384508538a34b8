"""The static site of runs and leaderboards; nothing here computes with torch."""
