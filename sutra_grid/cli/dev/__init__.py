"""A whole grid on one machine: the processes that ``sutra-grid-cli dev`` starts and stops."""
