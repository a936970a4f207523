"""What requests and responses hold, as marshmallow schemas: the OpenAPI document is made from them.

Requests are read by their schemas (``admin.http.request_parser``). Responses are written by ``wire.convert.to_json``:
the schemas of wire messages are made from the messages' descriptors, so that each field is defined once.
"""
