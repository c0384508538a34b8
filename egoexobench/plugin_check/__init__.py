"""`egoexobench plugin check`: every contract of each part, and a tiny run and audit of it."""
