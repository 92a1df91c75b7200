"""What people decided, as a data set that training can use."""
