"""Fleet packs: model, site, settings and golden pictures of a whole fleet in one signed file."""
