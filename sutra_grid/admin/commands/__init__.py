"""Commands that the API and the pages send to the master, and the wait for their outcome."""
