"""Drone photos: the pose each one carries in its tags, and whether they agree with each other about the ground."""
