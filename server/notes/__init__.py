"""What riders say: people warned on site, things the box missed."""
