"""The rider's page, served by the box itself."""
