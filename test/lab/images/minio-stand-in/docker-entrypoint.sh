#!/bin/sh
# Anything that is not minio itself becomes an argument of it, unless it is a command of this image.
if [ "${1:-}" != minio ] && [ -z "$(command -v "${1:-}" 2>/dev/null)" ]; then set -- minio "$@"; fi
exec "$@"
