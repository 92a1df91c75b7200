"""Tests of edge/page."""
