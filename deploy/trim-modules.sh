#!/bin/sh
# Removes from ./node_modules what no running program reads: typings, source maps, documents. Licences stay.
set -eu
find node_modules -type f \( \
  -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.tsbuildinfo' -o -name '*.md' \
  \) ! -iname 'licen[cs]e*' ! -iname 'notice*' ! -iname 'copying*' -delete
