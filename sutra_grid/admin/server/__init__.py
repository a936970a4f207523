"""The gunicorn server of the admin, and the secret key that its workers share."""
