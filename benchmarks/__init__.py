"""The project beside its peers, in one run: `make bench`."""

import recipes  # noqa: F401  settles how Keras runs
