"""Violation-level measurement: labelled scenes go the whole way from picture to verdict, and the hits are counted."""
