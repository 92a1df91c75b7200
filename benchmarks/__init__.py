"""Published numbers, one file each; `make bench` runs them all and prints ratios against a named peer."""
