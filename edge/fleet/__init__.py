"""Fleet packs on the box: fetched, checked, tried, switched to at once, and taken back when they do not do."""
