"""What a report can show: pictures, and a seal that anyone can check later."""
