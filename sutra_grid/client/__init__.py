"""The client of a master, and what every interface does with it: waiting, draining, rolling restarts, descriptions.

The command line and the admin configure it (``master_client.ClientConfig``): who calls, for how long, how patiently.
"""
