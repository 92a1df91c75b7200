"""What runs on the patrol vehicle or the analyst's desk: sources in, sealed reports out."""
