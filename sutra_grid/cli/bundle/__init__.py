"""What ``debug bundle`` collects, what it leaves out, and the archive that it goes into."""
