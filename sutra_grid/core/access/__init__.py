"""Who may do what: identities, roles, and the tables of what each role may call. Pure decisions."""
