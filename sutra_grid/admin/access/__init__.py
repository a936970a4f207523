"""Who uses the admin: logins, sessions, tokens and single sign-on, and what each request may do."""
