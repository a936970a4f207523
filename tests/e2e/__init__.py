"""Tests with real daemons, real storage nodes and nothing in between."""
