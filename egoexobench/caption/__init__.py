"""Sound captions of narrations."""
