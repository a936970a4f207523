"""Access to the grid as its master manages it: tokens, certificates, revocations and users."""
