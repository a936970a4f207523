"""Documents as tests read them: examples of pages, scrapes, PromQL, OpenAPI."""
