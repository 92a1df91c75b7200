"""Where things are: coordinates, cameras, ground points with their error, zones and their hours."""
