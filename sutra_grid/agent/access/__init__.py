"""How an agent becomes and stays a member of a grid: joining, renewal, and the list of revoked certificates."""
