"""How trials are chosen, run, recorded and shown; knows no model and no data set."""
