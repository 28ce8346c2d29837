"""The command line; `sections` says what it runs."""

import tyro

from benchmarks.stacked import sections
from benchmarks.stacked.settings import Settings

if __name__ == "__main__":
    sections.main(tyro.cli(Settings, description=sections.__doc__))
