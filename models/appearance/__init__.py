"""Makes the appearance embedding: virtual passes in, a measured bundle out."""
