"""Values and messages that tests begin with, made by hand or by hypothesis."""
