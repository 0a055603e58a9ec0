"""The texts of `edited_program.py` that the mutations change character by character."""

import ast
from pathlib import Path

__all__ = ["NAMES", "QUESTIONS", "SYSTEM"]

_assigned = {
    node.targets[0].id: node.value
    for node in ast.parse(Path(__file__).with_name("edited_program.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
}
SYSTEM: str = ast.literal_eval(_assigned["SYSTEM"])
NAMES: list[str] = ast.literal_eval(_assigned["NAMES"])
QUESTIONS: list[str] = ast.literal_eval(_assigned["QUESTIONS"])
