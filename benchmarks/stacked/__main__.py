"""The command line; `sections` says what it runs."""

if __name__ == "__main__":
    from benchmarks.stacked.processes import without_jax

    without_jax()  # before TensorFlow is imported

    import tyro

    from benchmarks.stacked import sections
    from benchmarks.stacked.settings import Settings

    sections.main(tyro.cli(Settings, description=sections.__doc__))
