"""One cell: a fresh process that runs one measure with one recorder. Started by :func:`processes.run_cell`, with one JSON argument."""

from __future__ import annotations

import importlib
import json
import sys

from recorders.adapter import Place, adapter_of


def main() -> int:
    """Run the cell and write its figures to the file that was named."""
    asked = json.loads(sys.argv[1])
    place = Place(*asked["place"])
    measure = importlib.import_module(f"measures.{asked['measure']}")
    figures = measure.in_cell(adapter_of(asked["recorder"]), place, **asked["arguments"])
    with open(asked["result"], "w", encoding="utf-8") as file:
        json.dump(figures, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
