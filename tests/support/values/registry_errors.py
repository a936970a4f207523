"""What a message says of each way in which a registry fails. They share one reason: the text tells them apart."""

LOCKED = "locked"
FULL = "disk is full"
DAMAGED = "corrupt"
UNREACHABLE = "can't be reached"
DELETED = "deleted"
REPLACED = "replaced"
