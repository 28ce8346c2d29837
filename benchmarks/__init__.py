"""The project beside its peers."""
