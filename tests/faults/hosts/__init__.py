"""What a host does to its agent: full disks, reused pids, turned clocks."""
