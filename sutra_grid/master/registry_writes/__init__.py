"""Writes behind what was observed, and keeps the registry's file whole."""
