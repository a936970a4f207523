"""The master ends at any step, its registry is lost, damaged or silent, answers are lost."""
