#!/bin/sh
# Uploads with curl: upload.sh OPTION TOKEN PHOTO URL…; the option is --http2 or --http1.1.
set -eu
option=$1 token=$2 photo=$3
shift 3
ask() { curl --silent --show-error --noproxy '*' "$option" -H "Authorization: Bearer $token" "$@"; }
for url; do
  posted=$(ask -w '\n%{http_code}' -F "file=@$photo;type=image/jpeg" "$url/api/image-upload")
  id=$(printf %s "$posted" | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')
  status=processing
  while [ "$status" = processing ]; do
    sleep 0.02
    polled=$(ask "$url/api/image-upload/$id/status")
    status=$(printf %s "$polled" | sed -n 's/.*"status": *"\([^"]*\)".*/\1/p' | head -n 1)
  done
  image=$(mktemp)
  code=$(ask -o "$image" -w '%{http_code}' "$url/api/available-image/$id/download")
  digest=$(sha256sum "$image" | cut -d ' ' -f 1)
  rm "$image"
  printf '%s %s %s %s\n' "$(printf %s "$posted" | tail -n 1)" "$status" "$code" "$digest"
done
