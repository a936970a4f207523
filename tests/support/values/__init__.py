"""Records, messages, rows and hypothesis strategies that tests begin with. Nothing is started here."""
