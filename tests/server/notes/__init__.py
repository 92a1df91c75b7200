"""Tests of server/notes and its page."""
