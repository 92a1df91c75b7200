"""Cases: which report belongs to which problem, and what people decide about it."""
