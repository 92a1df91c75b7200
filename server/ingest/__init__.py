"""What devices send: sealed reports, and the evidence files that the reports declare."""
