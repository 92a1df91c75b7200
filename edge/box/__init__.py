"""The box on a vehicle: watches its cameras unattended, sends what it finds, and looks after itself."""
