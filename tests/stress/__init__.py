"""Long trials of endurance: `make stress`. Not part of `make test`."""
