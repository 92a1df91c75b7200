"""Fleet packs on the box: fetched, checked, tried, switched to at once, and taken back when they do not do."""

from __future__ import annotations

from typing import Final

RESTART_EXIT_CODE: Final = 75
"""What `kerbwatch box run` ends with so that systemd starts it again, with another pack (EX_TEMPFAIL)."""
