"""The storage node: a durable key-value store behind the key-value core of etcd's v3 API."""
