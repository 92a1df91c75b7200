"""The fault table (`make fault`): what is done to a box, how often, and what was lost by it."""
