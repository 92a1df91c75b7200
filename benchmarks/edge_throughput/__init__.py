"""CPU and memory of the edge against what a user could pick instead: `python -m benchmarks.edge_throughput`."""
