"""What permission checks cost of the throughput of reads."""
