"""Replay inside the program's process: hands out the recorded answers in the recorded order, or stops.

Imported by the boot code of a Python that ``fr replay`` started, so nothing here imports duckdb, pyarrow, typer or rich.
"""
