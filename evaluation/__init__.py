"""How much of what answers a query survives, of any method, on any data set."""
