"""What goes wrong on purpose: proxies, namespaces, full disks, clock jumps, kill points, damaged files.

Each helper undoes what it did when its context ends.
"""
