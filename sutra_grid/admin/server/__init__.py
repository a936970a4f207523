"""gunicorn as the admin runs it, and the secret key that its workers share."""
