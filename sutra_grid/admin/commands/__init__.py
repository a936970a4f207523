"""What the API and the pages send to the master, and how they wait for its outcome."""
