"""What every daemon needs: clock, ticker, shutdown, logging, configuration, files, ports. Imports core only."""
