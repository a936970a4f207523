"""Ratios of speed, measured in one run; never a test."""
