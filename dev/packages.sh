#!/bin/sh
# Inside of a build: the packages of a lock file into /opt/mars, and no more of them than is used.
#
# Nothing of pip stays, and nothing is compiled later: the file system may be read-only, so the
# bytecode is made here and never compared with its source.
set -eu
/pip/bin/pip --quiet --disable-pip-version-check --no-cache-dir --python /opt/mars/bin/python \
    install --require-hashes --no-deps --only-binary :all: --no-compile -r "$1"
cd /opt/mars/lib/python3.11/site-packages
# Tests. (The two packages named `tests` at the top are used.)
find astropy numpy -mindepth 2 -type d -name tests -prune -exec rm -r {} +
# Of Arrow what C programs are built with, and its ways to speak to other servers.
rm -rf pyarrow/tests pyarrow/include pyarrow/includes pyarrow/src pyarrow/libarrow_flight* \
    pyarrow/libarrow_python_flight* pyarrow/_flight* pyarrow/libarrow_s3* pyarrow/_s3fs* \
    pyarrow/*.pyx pyarrow/*.pxi pyarrow/*.pxd
# The same file under the names that compilers look for.
rm -f pyarrow/libarrow_python*.so pyarrow/libarrow_python*.so.*.*.*
# What makes Fortran into modules, and a format of pictures that no survey has.
rm -rf numpy/f2py numpy/distutils PIL/_avif* pillow.libs/libavif*
# What debuggers want to know of the modules in C: a quarter of them. Those in *.libs were changed
# after they were linked, which strip does not always survive.
find . -type f -name '*.so*' ! -path '*.libs/*' -exec strip --strip-unneeded {} +
# Of 400 services of Amazon one is spoken to; the others named here give credentials.
find botocore/data -mindepth 1 -maxdepth 1 -type d \
    ! -name s3 ! -name sts ! -name 'sso*' ! -name signin -exec rm -r {} +
/opt/mars/bin/python -m compileall -q --invalidation-mode unchecked-hash .
