"""Values that the pages show, made from registry rows and wire messages. Pure: no request, clock or I/O."""
