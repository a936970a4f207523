"""What requests may hold and what answers hold, as marshmallow schemas: the OpenAPI document is made of them.

Requests are read by theirs (``admin.http.parsing``). Answers are written by ``wire.convert.to_json``; the schemas
of those that are messages of the wire are made of the messages' descriptors, so that no field stands twice.
"""
