#!/bin/bash
# Whether the server is written to, or copies whoever is. It asks `hello`, which needs no account, in the bytes of the protocol: mongosh would be a Node.js every few seconds.
set -eu
export LC_ALL=C
exec 3<>/dev/tcp/127.0.0.1/27017
# 52 bytes, request 1, OP_MSG; then the 31 bytes of { hello: 1, $db: "admin" }
printf '\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0' >&3
# In the answer the name ends with 0, and 1 stands for true.
timeout 4 dd bs=8192 count=1 <&3 2>/dev/null | tr '\000\001' '01' | grep -aqE 'isWritablePrimary01|secondary01'
