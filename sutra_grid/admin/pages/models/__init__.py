"""What pages show, as values made of registry rows and messages of the wire. Pure: no request, no clock, no I/O."""
