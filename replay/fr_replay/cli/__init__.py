"""The ``fr`` command line."""
