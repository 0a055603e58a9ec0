"""What a record is: ids, columns, the frame of a journal, the cut of a body, the meaning of a provider's bytes.

The ground floor: imports neither the recorder nor the replay, and no Arrow unless ``arrow_types`` is asked for.
"""

from .version import FORMAT_VERSION, PACKAGE_VERSION

__all__ = ["FORMAT_VERSION", "PACKAGE_VERSION"]
