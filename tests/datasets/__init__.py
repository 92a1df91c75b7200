"""What datasets/ says must fit what the program knows."""
