"""What a drive tells of the camera: how it is mounted, and how far its clock is from the receiver's."""
