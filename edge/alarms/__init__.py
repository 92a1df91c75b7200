"""What a person should see to: out of the box's health, and out of the pictures themselves."""
