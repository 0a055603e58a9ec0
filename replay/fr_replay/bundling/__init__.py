"""Postmortem bundles: one trace with its report, rows, content and proofs, as a zip file that needs nothing else to be read."""
