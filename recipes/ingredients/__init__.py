"""What several recipes cook with: data, models, run directories, the command line."""
