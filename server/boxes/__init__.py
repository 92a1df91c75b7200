"""The boxes in the field: what each said of itself last, and which of them are silent."""
