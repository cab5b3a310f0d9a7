"""Measurements that anybody can repeat; what they gave is in docs/measurements.md."""
