"""Tests of edge/alarms."""
