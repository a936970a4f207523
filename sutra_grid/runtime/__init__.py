"""What every daemon needs: clock, ticker, shutdown, logging, config. Imports core only."""
