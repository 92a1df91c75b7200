"""Types and sizes from the first bytes of real and of broken files."""

from __future__ import annotations

import io

import pytest

from server.ingest.media import Media, sniff
from tests.server.harness import picture

JPEG = picture(width_px=37, height_px=23)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (JPEG, Media("image/jpeg", 37, 23)),
        (picture(width_px=37, height_px=23, kind=".png"), Media("image/png", 37, 23)),
        (b"\x00\x00\x00\x18ftypisom" + bytes(16), Media("video/mp4")),
        (JPEG[:2] + b"\xff\xff" + JPEG[2:], Media("image/jpeg", 37, 23)),  # fill bytes before a marker
        (b"", None),
        (b"GIF89a", None),
        (b"<svg onload=alert(1)>", None),
        (JPEG[:20], None),  # cut before the frame header
        (b"\xff\xd8\xff\xe0\x00\x00" * 9, None),  # a segment of impossible length
        (b"\xff\xd8\xff\xd9", None),  # ends at once
        (b"\x89PNG\r\n\x1a\n" + bytes(24), None),
    ],
)
def test_sniff(data: bytes, expected: Media | None) -> None:
    assert sniff(io.BytesIO(data)) == expected
