"""The two services that the admin depends on: the registry and the master."""
