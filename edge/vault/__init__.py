"""The vault: unblurred originals, encrypted at rest, gone after a set time, read only on record."""
