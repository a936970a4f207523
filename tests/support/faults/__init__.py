"""What harms a grid: proxies, namespaces, full disks, turned clocks, kill points, foreign processes."""
