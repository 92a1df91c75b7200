"""Unblurred originals: asked for by a reviewer with a reason, sent by a box whose policy allows it, seen on record."""
