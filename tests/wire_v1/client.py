"""A client that knows the first protocol only: ``client.py ADDRESS METHOD REQUEST``, both messages as JSON.

It runs in a process of its own, with nothing but the code generated from ``grid_v1.proto`` on its path:
that code and the current one describe messages of the same names.
"""

import sys

import grid_v1_pb2
import grid_v1_pb2_grpc
import grpc
from google.protobuf import json_format

METHODS = grid_v1_pb2.DESCRIPTOR.services_by_name["GridMaster"].methods_by_name


def main() -> int:
    address, method, request_json = sys.argv[1:]
    request_type = getattr(grid_v1_pb2, METHODS[method].input_type.name)
    request = json_format.Parse(request_json, request_type())
    with grpc.insecure_channel(address) as channel:
        stub = grid_v1_pb2_grpc.GridMasterStub(channel)
        try:
            answer = getattr(stub, method)(request, timeout=10)
        except grpc.RpcError as error:
            print(error.code().name, error.details(), file=sys.stderr)
            return 1
    assert not grid_v1_pb2.DESCRIPTOR.message_types_by_name.get("ErrorDetail")
    print(json_format.MessageToJson(answer, preserving_proto_field_name=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
